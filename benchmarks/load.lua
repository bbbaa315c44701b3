-- wrk's side of the scenarios: `wrk -s load.lua URL -- mode=read chats=1000 ...`.
-- Prints one line of JSON at the end.

local given = {}
local headers = { ["Content-Type"] = "application/json" }
local reading = {}
local sent = '{"text": "Shall we go hiking on Sunday if the weather holds at all?", "author": "Ada"}'
local edited = '{"text": "Shall we go hiking on Monday if the weather holds at all?"}'

local function get(path)
   return wrk.format("GET", "/api/v1" .. path, reading)
end

local function send(chat)
   return wrk.format("POST", "/api/v1/chats/" .. chat .. "/messages/", headers, sent)
end

local function any_chat()
   return math.random(given.chats)
end

-- Odd messages are edited and even ones deleted, each once: in whatever order the requests are
-- served, none asks for a message that is gone.
local function change()
   local id = given.unused
   given.unused = id + 1
   if id % 2 == 1 then
      return wrk.format("PATCH", "/api/v1/messages/" .. id, headers, edited)
   end
   return wrk.format("DELETE", "/api/v1/messages/" .. id, reading)
end

local modes = {}

function modes.read()
   return get("/chats/" .. any_chat())
end

function modes.send()
   return send(any_chat())
end

function modes.send_hot()
   return send(given.hot)
end

function modes.first_page()
   return get("/chats/" .. given.big .. "/messages/?limit=20")
end

function modes.page()
   return get("/chats/" .. any_chat() .. "/messages/?limit=20")
end

function modes.by_id()
   return get("/messages/" .. math.random(given.messages))
end

function modes.deep_page()
   local depth = math.random(given.shallowest, given.deepest)
   local place = "offset=" .. depth
   if given.paging == "before" then
      place = "before=" .. given.newest + 1 - depth
   end
   return get("/chats/" .. given.big .. "/messages/?limit=20&" .. place)
end

function modes.list()
   return get("/chats/?limit=20")
end

function modes.mixed()
   local die = math.random(100)
   if die <= 80 then
      return modes.read()
   elseif die <= 95 then
      return modes.send()
   end
   return change()
end

function init(arguments)
   for _, argument in ipairs(arguments) do
      local name, value = argument:match("^(%w+)=(.*)$")
      given[name] = tonumber(value) or value
   end
   if given.bearer ~= "" then
      headers.Authorization = "Bearer " .. given.bearer
      reading.Authorization = headers.Authorization
   end
   math.randomseed(given.seed)
   request = modes[given.mode]
end

function done(summary, latency)
   local errors = summary.errors
   print(string.format(
      '{"requests": %d, "seconds": %.6f, "p50": %d, "p99": %d, '
      .. '"errors": {"connect": %d, "read": %d, "write": %d, "timeout": %d, "status": %d}}',
      summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
      errors.connect, errors.read, errors.write, errors.timeout, errors.status
   ))
end
