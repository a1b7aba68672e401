-- Writes the parts of an event that are newer than those that are stored.
--
-- KEYS  1 board  2 incidents  3 list of all matches  4 list of the matches in play  5 channel of changes
-- ARGV  1 epoch  2 seq  3 when the board expires, Unix ms  4 time of the event, Unix ms  5 match
--       6 whether the match is in play, 1 or 0  7 the change to publish
--       8 ID of the incident, '' if none  9 its revision  10 its JSON
--       then groups of fields: name, number of field names and values, the names and values
--
-- A seq is below 2^53, even if it is a time in microseconds, so Lua's numbers compare exactly.
local board, incidents = KEYS[1], KEYS[2]
local epoch, seq = ARGV[1], tonumber(ARGV[2])
local known = redis.call('hget', board, 'epoch')
if known and epoch < known then return 0 end
if known and epoch > known then redis.call('del', board, incidents) end
local changed = false

if ARGV[8] ~= '' then
  -- first is the lowest seq of all revisions, in whichever order they arrive.
  local stored, first = redis.call('hget', incidents, ARGV[8]), ARGV[2]
  local rest = string.match(ARGV[10], '^{"first":%d+(.*)$')
  if stored then
    local known_first, known_rest, rev = string.match(stored, '^{"first":(%d+)(,"rev":(%d+).*)$')
    if tonumber(known_first) < seq then first = known_first end
    if tonumber(rev) >= tonumber(ARGV[9]) then rest = known_rest end
  end
  local text = '{"first":' .. first .. rest
  if text ~= stored then
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
    if name == '' then -- the latest event
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
  elseif name == '' and ARGV[2] == redis.call('hget', board, stamp) then -- a rebuild restores lost lists
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
