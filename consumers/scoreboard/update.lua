-- Writes the parts of an event that are newer than the stored parts. Returns 1 if the script changed
-- the board or an incident, else 0.
--
-- KEYS  1 board  2 incidents
-- ARGV  1 epoch  2 seq  3 when the board expires, in Unix milliseconds
--       4 channel of changes  5 message to publish after a change
--       6 incident ID, '' if none  7 revision  8 incident as JSON
--       then for each group of fields: name, number of arguments that follow, field names and values
--
-- A seq is below 2^53, even if it is a time in microseconds, so Lua compares it exactly.
local board, incidents = KEYS[1], KEYS[2]
local epoch, seq = ARGV[1], tonumber(ARGV[2])
local stored_epoch = redis.call('hget', board, 'epoch')
if stored_epoch and epoch < stored_epoch then return 0 end
if stored_epoch and epoch > stored_epoch then redis.call('del', board, incidents) end
local changed = false

if ARGV[6] ~= '' then
  -- first becomes the lowest seq of all revisions, regardless of the order in which they arrive.
  local stored, first = redis.call('hget', incidents, ARGV[6]), ARGV[2]
  local rest = string.match(ARGV[8], '^{"first":%d+(.*)$')
  if stored then
    local stored_first, stored_rest, stored_rev = string.match(stored, '^{"first":(%d+)(,"rev":(%d+).*)$')
    if tonumber(stored_first) < seq then first = stored_first end
    if tonumber(stored_rev) >= tonumber(ARGV[7]) then rest = stored_rest end
  end
  local text = '{"first":' .. first .. rest
  if text ~= stored then
    redis.call('hset', incidents, ARGV[6], text)
    changed = true
  end
end

local i = 9
while i <= #ARGV do
  local name, n = ARGV[i], tonumber(ARGV[i + 1])
  local stamp = 'seq'
  if name ~= '' then stamp = 'seq:' .. name end
  if seq > tonumber(redis.call('hget', board, stamp) or '-1') then
    redis.call('hset', board, stamp, ARGV[2], unpack(ARGV, i + 2, i + 1 + n))
    if name == '' then -- this is the latest event
      redis.call('hset', board, 'epoch', epoch)
      redis.call('pexpireat', board, ARGV[3])
      redis.call('pexpireat', incidents, ARGV[3])
    end
    changed = true
  end
  i = i + 2 + n
end

if changed then
  if redis.call('pttl', incidents) == -1 then
    redis.call('pexpire', incidents, redis.call('pttl', board))
  end
  redis.call('publish', ARGV[4], ARGV[5])
  return 1
end
return 0
