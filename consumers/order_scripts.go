package consumers

import "github.com/redis/go-redis/v9"

// orderRecord is the beginning of each script of [order]. It reads the record of a match. KEYS[1] is
// the record, ARGV[1] the epoch and ARGV[2] the seq of an event, ARGV[3] how long to keep the record,
// in milliseconds. The script then has these variables:
//
//	epoch    the epoch of the event
//	seq      the seq of the event
//	now      the time in Unix milliseconds
//	older    whether the epoch is older than the record's
//	record   the fields of the record; after the epoch changes, only those that are still needed
//	last     the field "last" of the record; 0 in a new epoch
//	number   a function that formats a number without an exponent
//	store    a function that stores a field of the record and renews the expiry of the record
const orderRecord = `
local epoch, seq = ARGV[1], tonumber(ARGV[2])
local t = redis.call('time')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local record = {}
local fields = redis.call('hgetall', KEYS[1])
for i = 1, #fields, 2 do record[fields[i]] = fields[i + 1] end
local older = record.epoch and epoch < record.epoch
if record.epoch ~= epoch and not older then
  redis.call('del', KEYS[1])
  local kept = {}
  for name, value in pairs(record) do
    if tonumber(name) and value ~= 'done' then name = record.epoch .. ':' .. name end
    if string.find(name, ':', 1, true) then
      kept[name] = value
      redis.call('hset', KEYS[1], name, value)
    end
  end
  record = kept
  redis.call('hset', KEYS[1], 'epoch', epoch, 'last', 0)
end
local last = tonumber(record.last or '0')
local function number(n) return string.format('%.0f', n) end
local function store(name, value)
  redis.call('hset', KEYS[1], name, value)
  redis.call('pexpire', KEYS[1], ARGV[3])
end
`

// Results of enterOrder.
const (
	orderReady    = iota // all earlier events are finished
	orderNone            // the event need not wait: it is finished, later events have passed it, or its epoch is old
	orderRunning         // an earlier event is under way
	orderRetrying        // an earlier event waits for another attempt
	orderMissing         // an earlier event has not arrived
)

// enterOrder registers an event as under way, unless the result is orderNone. It returns four numbers:
//
//   - one of the results above
//   - a time in milliseconds: for orderRetrying, until earlier events are retried; for orderMissing,
//     the longest remaining wait; otherwise 0
//   - the time since the event first arrived, in milliseconds
//   - the field "last" of the record
//
// ARGV[4] is how long the event counts as under way. The event waits for a missing event for at most
// ARGV[5] if last is 0, and otherwise for at most ARGV[6]. These times are in milliseconds.
var enterOrder = redis.NewScript(orderRecord + `
if older or seq <= last then return {1, 0, 0, last} end
local name = number(seq)
local own = record[name]
if own == 'done' then return {1, 0, 0, last} end
local ends, since, registered = now + ARGV[4], now, false
if own then
  local before, due, first = string.match(own, '^(%d+) (%d+) (%d+)$')
  registered = due == '0' and tonumber(before) > now + ARGV[4] / 2
  ends, since = math.max(ends, tonumber(before)), tonumber(first)
end
if not registered then store(name, number(ends) .. ' 0 ' .. number(since)) end -- a repeated call writes nothing
local missing, running, due, passed = seq - 1 - last, false, 0, {}
for name, value in pairs(record) do
  local n = tonumber(name)
  if n and n > last and n < seq or string.find(name, ':', 1, true) then
    if n then
      missing = missing - 1
      table.insert(passed, name)
    end
    if value ~= 'done' then
      local ends, at = string.match(value, '^(%d+) (%d+)')
      if tonumber(ends) <= now then
        table.insert(passed, name)
      elseif at == '0' then
        running = true
      else
        due = math.max(due, tonumber(at))
      end
    end
  end
end
if running then return {2, 0, now - since, last} end
if due > 0 then return {3, math.max(0, due - now), now - since, last} end
local limit = since + ARGV[last == 0 and 5 or 6]
if missing > 0 and now < limit then return {4, limit - now, now - since, last} end
for _, name in ipairs(passed) do redis.call('hdel', KEYS[1], name) end
if last ~= seq - 1 then store('last', number(seq - 1)) end
return {0, 0, now - since, seq - 1}`)

// leaveOrder stores the end of an attempt. If ARGV[4] is empty, the event is finished. Otherwise
// the event waits for its next attempt in ARGV[4] milliseconds. Later events wait at least until
// ARGV[5] milliseconds after that attempt begins, unless the event is finished earlier.
var leaveOrder = redis.NewScript(orderRecord + `
local name, done = number(seq), ARGV[4] == ''
if older then name = epoch .. ':' .. name end
local own = record[name]
if older and not own or not older and seq <= last or own == 'done' then return 0 end
if not done then
  local due, first = now + ARGV[4], now
  local ends = due + ARGV[5]
  if own then
    local before, _, since = string.match(own, '^(%d+) (%d+) (%d+)$')
    ends, first = math.max(ends, tonumber(before)), tonumber(since)
  end
  store(name, number(ends) .. ' ' .. number(due) .. ' ' .. number(first))
  return 0
end
if older then return redis.call('hdel', KEYS[1], name) end
if seq > last + 1 then
  store(name, 'done')
  return 0
end
repeat
  redis.call('hdel', KEYS[1], number(seq))
  last, seq = seq, seq + 1
until record[number(seq)] ~= 'done'
store('last', number(last))
return 0`)
