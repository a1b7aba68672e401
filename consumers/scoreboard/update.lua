-- One event, written where it is newer than what stands there.
--
-- KEYS  1 board  2 incidents  3 list of all  4 list of those under way  5 channel of changes
-- ARGV  1 epoch  2 seq  3 until when they stay, Unix ms  4 time of the event, Unix ms  5 match
--       6 whether it is under way, 1 or 0  7 the change to publish
--       8 incident, '' if none  9 its revision  10 its JSON
--       then groups of fields: name, number of fields and values, these
--
-- A seq is at most a time in microseconds: below 2^53, so Lua's numbers compare exactly.
local board, incidents = KEYS[1], KEYS[2]
local epoch, seq = ARGV[1], tonumber(ARGV[2])
local known = redis.call('hget', board, 'epoch')
if known and epoch < known then return 0 end
if known and epoch > known then redis.call('del', board, incidents) end
local changed = false

if ARGV[8] ~= '' then
  -- Its place among the others is that of the first of its revisions, whichever came when.
  local stands, first = redis.call('hget', incidents, ARGV[8]), ARGV[2]
  local rest = string.match(ARGV[10], '^{"first":%d+(.*)$')
  if stands then
    local known_first, known_rest, rev = string.match(stands, '^{"first":(%d+)(,"rev":(%d+).*)$')
    if tonumber(known_first) < seq then first = known_first end
    if tonumber(rev) >= tonumber(ARGV[9]) then rest = known_rest end
  end
  local text = '{"first":' .. first .. rest
  if text ~= stands then
    redis.call('hset', incidents, ARGV[8], text)
    changed = true
  end
end

local i = 11
while i <= #ARGV do
  local name, n = ARGV[i], tonumber(ARGV[i + 1])
  local stamp = 'seq'
  if name ~= '' then stamp = 'seq:' .. name end
  if seq > tonumber(redis.call('hget', board, stamp) or '-1') then
    redis.call('hset', board, stamp, ARGV[2], unpack(ARGV, i + 2, i + 1 + n))
    if name == '' then -- the latest event of all
      redis.call('hset', board, 'epoch', epoch)
      redis.call('pexpireat', board, ARGV[3])
      redis.call('pexpireat', incidents, ARGV[3])
      redis.call('zadd', KEYS[3], ARGV[4], ARGV[5])
      if ARGV[6] == '1' then
        redis.call('zadd', KEYS[4], ARGV[4], ARGV[5])
      else
        redis.call('zrem', KEYS[4], ARGV[5])
      end
    end
    changed = true
  elseif name == '' and ARGV[2] == redis.call('hget', board, stamp) then -- once more: for a list that was lost
    redis.call('zadd', KEYS[3], ARGV[4], ARGV[5])
    if ARGV[6] == '1' then redis.call('zadd', KEYS[4], ARGV[4], ARGV[5]) end
  end
  i = i + 2 + n
end

if changed then
  if redis.call('pttl', incidents) == -1 then
    redis.call('pexpire', incidents, redis.call('pttl', board))
  end
  redis.call('publish', KEYS[5], ARGV[7])
  return 1
end
return 0
