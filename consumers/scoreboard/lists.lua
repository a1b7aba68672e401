-- Updates the lists of matches with the positions of events, and removes expired matches from them. An
-- event that is older than the latest event of its match changes nothing. The latest event again
-- restores the match in the lists.
--
-- KEYS  1 list of all matches  2 list of the matches in play
--       3 positions: the epoch and the seq of the latest event of each match, with a space between them
-- ARGV  1 matches whose latest event is not after this time have expired; in Unix milliseconds
--       then for each event: match ID, epoch, seq, time in Unix milliseconds, 1 if the match is in play, else 0
local all, live, positions = KEYS[1], KEYS[2], KEYS[3]
for i = 2, #ARGV, 5 do
  local match, epoch, seq, at = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), ARGV[i + 3]
  local stored_epoch, stored_seq = string.match(redis.call('hget', positions, match) or '', '^(.*) (%d+)$')
  if not stored_epoch or epoch > stored_epoch or epoch == stored_epoch and seq >= tonumber(stored_seq) then
    redis.call('hset', positions, match, epoch .. ' ' .. ARGV[i + 2])
    redis.call('zadd', all, at, match)
    if ARGV[i + 4] == '1' then
      redis.call('zadd', live, at, match)
    else
      redis.call('zrem', live, match)
    end
  end
end
for _, match in ipairs(redis.call('zrangebyscore', all, '-inf', ARGV[1], 'limit', 0, 1000)) do
  redis.call('hdel', positions, match)
  redis.call('zrem', all, match)
  redis.call('zrem', live, match)
end
return 1
