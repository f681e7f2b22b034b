-- Put a subject on a rung, or lift it.
--
-- KEYS[1]  the subject's hash
-- ARGV     rung (0 lifts: everything about the subject is forgotten), until when and now (microseconds)
-- answer   rung and until as they are now, and strikes of the last day, as decimal strings
--
-- Field "standing": i8 numbers, big-endian: rung, until, and the times of the last 16 strikes. A rung that still holds
-- is never lowered; what begins or raises a standing is a strike, what only repeats it is not.

local DAY = 86400000000
local DECADE = 315360000
local STRIKES = 16
local key = KEYS[1]
local rung, ends, now = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])

if rung == 0 then
  redis.call('DEL', key)
  return {'0', '0', '0'}
end

local held, holds, struck = 0, 0, ''
local value = redis.call('HGET', key, 'standing')
if value and #value >= 16 and #value % 8 == 0 then
  held, holds = struct.unpack('>i8i8', value)
  struck = string.sub(value, 17)
end
if holds <= now then held = 0 end

if rung > held then
  held, holds = rung, ends
  struck = string.sub(struck .. struct.pack('>i8', now), -8 * STRIKES)
elseif rung == held then
  holds = math.max(holds, ends)
end
redis.call('HSET', key, 'standing', struct.pack('>i8i8', held, holds) .. struck)

local keep = math.min(math.max(math.ceil((holds - now) / 1000000), DAY / 1000000), DECADE)
if redis.call('TTL', key) < keep then redis.call('EXPIRE', key, keep) end

local strikes = 0
for at = 1, #struck, 8 do
  if now - struct.unpack('>i8', struck, at) < DAY then strikes = strikes + 1 end
end
return {string.format('%d', held), string.format('%.0f', holds), string.format('%d', strikes)}
