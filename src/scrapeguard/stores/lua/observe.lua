-- Count requests for their subjects and answer each subject's watches; every subject is read and written once.
--
-- KEYS     one hash for each subject: the subjects of the first request in order, then those of the next, …
-- ARGV[1]  the plan, JSON: a list of groups {keep, watches}, `keep` the seconds after which nothing counted matters;
--          a watch is {kind, field, window, bits, reach}: kind c(ount), d(istinct), g(aps), s(teps) or m(ark),
--          window in microseconds
-- ARGV[n]  for KEYS[n-1], big-endian: i1 place of its group in the plan; i1 its role: 1 = first subject of a request,
--          and its standing holds for the whole request, 0 = another subject of the same request; where the first one is
--          on another server, 2 = it had no standing, 3 = it had; i8 time in microseconds; then what to add to each
--          watch, -1 = nothing:
--          c: i8 number;  d: i8 index of the bit;  g: i8 1;  s: i8 number, i8 digest of the family;
--          m: i8 0, 56 bytes to leave
-- answer   for each key i8 numbers: rung, until (microseconds), strikes of the last day; then three for each watch:
--          c: count in this bucket, in the one before, microseconds since this bucket began
--          d: bits set in this bucket, only in the one before, microseconds since this bucket began
--          g: gaps, sum of milliseconds, sum of their squares
--          s: run, stride, 0 = the longest; 1 + how wide the step was (with a reach) = the one of this request
--          m: 56 bytes instead: what was left before, or zeros
--
-- Fields of a hash: "standing" as place.lua writes it, and for a watch under its name, i8 numbers:
--          c: start of the bucket, count, count of the one before
--          d: start of the bucket, bits set, bits set only in the one before; both sets under the name with + and -
--          g: time of the last request, gaps, sum, squares
--          s: up to four walks, the one touched last at the end: family, lo, hi, stride, direction, run, last time
--          m: 56 bytes, which packing.py writes and reads
-- A set of bits is a list of two-byte indexes (128 + high 7 bits, low 7 bits) while that is shorter than a bitmap.
-- These must count as cells.py does, number for number. A field of another length than drawn here counts as absent.

local LIMIT = 9007199254740991
local DAY = 86400000000
local DECADE = 315360000
local CHALLENGE = 2  -- the standing that does not stop the counting
local FAMILIES = 4
local MOMENTS = 64
local WALK = '>i8i8i8i8i8i8i8'
local floor, fmod, min, max = math.floor, math.fmod, math.min, math.max
local pack, read = struct.pack, struct.unpack

-- Three or four numbers of a field; zeros when it is absent.
local function three(value)
  if not value or #value ~= 24 then return 0, 0, 0 end
  return read('>i8i8i8', value)
end

local function four(value)
  if not value or #value ~= 32 then return 0, 0, 0, 0 end
  return read('>i8i8i8i8', value)
end

-- The bucket that `time` is in, given the one kept: start, now, before, microseconds into it, buckets passed (2 = many).
local function turned(start, now, before, time, window)
  local elapsed = time - start
  if elapsed < 0 then return start, now, before, 0, 0 end
  if elapsed < window then return start, now, before, elapsed, 0 end
  local fresh = time - fmod(time, window)
  if fresh - start == window then return fresh, 0, now, time - fresh, 1 end
  return fresh, 0, 0, time - fresh, 2
end

-- One function for each kind of watch. `kept` is what HMGET answered, `store(field, value)` keeps a change.
local see = {}

function see.c(watch, kept, store, time, taken)
  local start, now, before = three(kept[watch.at])
  local elapsed
  start, now, before, elapsed = turned(start, now, before, time, watch.window)
  if taken >= 0 then
    now = min(now + taken, LIMIT)
    store(watch.field, pack('>i8i8i8', start, now, before))
  end
  return now, before, elapsed
end

local function pair(index)
  return string.char(128 + floor(index / 128), index % 128)
end

local function has(bits, index, size)
  if #bits < size then return string.find(bits, pair(index), 1, true) ~= nil end
  return bit.band(bits:byte(floor(index / 8) + 1), bit.lshift(1, index % 8)) ~= 0
end

local function bitmap(pairs_, size)
  local bytes = {}
  for at = 1, size do bytes[at] = 0 end
  for at = 1, #pairs_, 2 do
    local high, low = pairs_:byte(at, at + 1)
    local index = (high - 128) * 128 + low
    local place = floor(index / 8) + 1
    bytes[place] = bit.bor(bytes[place], bit.lshift(1, index % 8))
  end
  return string.char(unpack(bytes))
end

local function with(bits, index, size)
  if #bits < size then
    bits = bits .. pair(index)
    return #bits < size and bits or bitmap(bits, size)
  end
  local at = floor(index / 8) + 1
  return bits:sub(1, at - 1) .. string.char(bit.bor(bits:byte(at), bit.lshift(1, index % 8))) .. bits:sub(at + 1)
end

function see.d(watch, kept, store, time, taken)
  local start, ones, only = three(kept[watch.at])
  local elapsed, passed
  start, ones, only, elapsed, passed = turned(start, ones, only, time, watch.window)
  if taken < 0 then return ones, only, elapsed end

  local size, here, there = watch.bits / 8, kept[watch.at + 1] or '', kept[watch.at + 2] or ''
  if passed > 0 then
    there = passed == 1 and here or ''
    here = ''
    if there ~= (kept[watch.at + 2] or '') then store(watch.field .. '-', there) end
  end
  if not has(here, taken, size) then
    ones = ones + 1
    if has(there, taken, size) then only = only - 1 end
    store(watch.field .. '+', with(here, taken, size))
    store(watch.field, pack('>i8i8i8', start, ones, only))
  end
  return ones, only, elapsed
end

function see.g(watch, kept, store, time, taken)
  local last, count, sum, squares = four(kept[watch.at])
  local gap = time - last
  if gap > watch.window then
    if taken >= 0 then store(watch.field, pack('>i8i8i8i8', time, 0, 0, 0)) end
    return 0, 0, 0
  end
  if taken < 0 then return count, sum, squares end
  last, gap = max(last, time), floor(max(gap, 0) / 1000)
  count, sum, squares = count + 1, sum + gap, squares + gap * gap
  if count == MOMENTS then count, sum, squares = floor(count / 2), floor(sum / 2), floor(squares / 2) end
  store(watch.field, pack('>i8i8i8i8', last, count, sum, squares))
  return count, sum, squares
end

local function walks_in(value)
  local walks = {}
  if not value or #value % 56 ~= 0 then return walks end
  for at = 1, #value, 56 do
    local walk = {}
    walk.family, walk.lo, walk.hi, walk.stride, walk.direction, walk.run, walk.last = read(WALK, value, at)
    walks[#walks + 1] = walk
  end
  return walks
end

local function written(walks)
  local parts = {}
  for place, walk in ipairs(walks) do
    parts[place] = pack(WALK, walk.family, walk.lo, walk.hi, walk.stride, walk.direction, walk.run, walk.last)
  end
  return table.concat(parts)
end

local function extend(walk, number)
  if walk.lo <= number and number <= walk.hi then return end
  local wide, direction = walk.lo - number, -1
  if number > walk.hi then wide, direction = number - walk.hi, 1 end
  if walk.run == 0 then
    walk.run, walk.stride, walk.direction = 1, wide, direction
  elseif direction == walk.direction and wide <= 4 * walk.stride and walk.stride <= 4 * wide then
    walk.run, walk.stride = walk.run + 1, min(walk.stride, wide)
  else
    walk.lo, walk.hi, walk.stride, walk.direction, walk.run = number, number, 0, 0, 0
    return
  end
  walk.lo, walk.hi = min(walk.lo, number), max(walk.hi, number)
end

-- Whether a number is in a walk, or its next step; the first step is at most `reach` wide.
local function near(walk, number, reach)
  if walk.lo <= number and number <= walk.hi then return true end
  local wide, direction = walk.lo - number, -1
  if number > walk.hi then wide, direction = number - walk.hi, 1 end
  if walk.run == 0 then return wide <= reach end
  return direction == walk.direction and wide <= 4 * walk.stride and walk.stride <= 4 * wide
end

-- Which walk makes room: the one touched longest ago; with a reach, the shortest of those not over.
local function least(walks, time, watch)
  local place, shortest = 1, nil
  if watch.reach == 0 then return place end
  for at, walk in ipairs(walks) do
    local run = time - walk.last <= watch.window and walk.run or -1
    if not shortest or run < shortest then place, shortest = at, run end
  end
  return place
end

function see.s(watch, kept, store, time, number, family)
  local walks = walks_in(kept[watch.at])
  if number < 0 then
    local run, stride = 0, 0
    for _, walk in ipairs(walks) do
      if walk.run >= max(run, 1) and time - walk.last <= watch.window then run, stride = walk.run, walk.stride end
    end
    return run, stride, 0
  end
  local walk = {family = family, lo = number, hi = number, stride = 0, direction = 0, run = 0, last = time}
  for place, known in ipairs(walks) do
    if known.family == family and (watch.reach == 0 or near(known, number, watch.reach)) then
      if watch.reach > 0 and known.lo <= number and number <= known.hi and time - known.last <= watch.window then
        return 0, 0, 1  -- within it: whoever asks goes on with nothing
      end
      table.remove(walks, place)
      if time - known.last <= watch.window then walk = known end
      break
    end
  end
  if #walks == FAMILIES then table.remove(walks, least(walks, time, watch)) end
  walk.last = max(walk.last, time)
  local wide = watch.reach > 0 and max(number - walk.hi, walk.lo - number, 0) or 0
  extend(walk, number)
  walks[#walks + 1] = walk
  store(watch.field, written(walks))
  return walk.run, walk.stride, 1 + wide
end

local BLANK = string.rep('\0', 56)

function see.m(watch, kept, store, time, taken, left)
  if taken >= 0 then store(watch.field, left) end
  local before = kept[watch.at]
  return before and #before == 56 and before or BLANK
end

-- Rung, until, strikes of the last day, and until when all this must be remembered.
local function standing(value, time)
  if not value or #value < 16 or #value % 8 ~= 0 then return 0, 0, 0, 0 end
  local rung, ends = read('>i8i8', value)
  local strikes, keep = 0, ends
  for at = 17, #value, 8 do
    local struck = read('>i8', value, at)
    if time - struck < DAY then strikes = strikes + 1 end
    keep = max(keep, struck + DAY)
  end
  if ends <= time or rung < 0 or rung > 4 then return 0, 0, strikes, keep end
  return rung, ends, strikes, keep
end

local groups = cjson.decode(ARGV[1])
for _, group in ipairs(groups) do
  group.fields = {'standing'}
  for _, watch in ipairs(group.watches) do
    watch.at = #group.fields + 1
    group.fields[watch.at] = watch.field
    if watch.kind == 'd' then
      group.fields[watch.at + 1] = watch.field .. '+'
      group.fields[watch.at + 2] = watch.field .. '-'
    end
  end
  group.form = '>i8i8i8'
  for _, watch in ipairs(group.watches) do
    group.form = group.form .. (watch.kind == 'm' and 'c56' or 'i8i8i8')
  end
end

local held = false

local function observe(key, asked)
  local place, role, time, at = read('>i1i1i8', asked)
  local group = groups[place + 1]
  local kept = redis.call('HMGET', key, unpack(group.fields))
  local rung, ends, strikes, keep = standing(kept[1], time)
  if role == 1 then held = place == 0 and rung > 0 and rung ~= CHALLENGE end  -- group 0 is the address
  if role > 1 then held = role == 3 end

  local answer, changes, added = {rung, ends, strikes}, {}, false
  local function store(field, value)
    changes[#changes + 1] = field
    changes[#changes + 1] = value
  end
  for _, watch in ipairs(group.watches) do
    local taken, more
    taken, at = read('>i8', asked, at)
    if watch.kind == 's' then more, at = read('>i8', asked, at) end
    if watch.kind == 'm' then more, at = read('>c56', asked, at) end
    if held then taken = -1 end
    added = added or taken >= 0
    local n = #answer
    answer[n + 1], answer[n + 2], answer[n + 3] = see[watch.kind](watch, kept, store, time, taken, more)
  end
  if #changes > 0 then redis.call('HSET', key, unpack(changes)) end
  if added then
    local seconds = math.ceil((keep - time) / 1000000)
    redis.call('EXPIRE', key, min(max(group.keep, seconds), DECADE))
  end
  return pack(group.form, unpack(answer))
end

local answers = {}
for place, key in ipairs(KEYS) do
  answers[place] = observe(key, ARGV[place + 1])
end
return answers
