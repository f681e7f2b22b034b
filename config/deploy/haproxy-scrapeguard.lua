-- Ask ScrapeGuard whether a request may pass; what it refuses is answered with its own page. For haproxy.cfg.

local url = os.getenv("SCRAPEGUARD_URL") .. "/check?mode=haproxy"
local open = os.getenv("SCRAPEGUARD_FAIL") == "open"
local down = { [0] = true, [502] = true, [503] = true, [504] = true } -- HAProxy's own word for a server that is not there
local own = { connection = true, ["content-length"] = true, ["transfer-encoding"] = true, upgrade = true, expect = true }

-- What the site's answers shall tell robots: haproxy.cfg adds it.
local notices = {
    ["x-sg-notice-link"] = "txn.sg_link",
    ["x-sg-notice-tdm-reservation"] = "txn.sg_reservation",
    ["x-sg-notice-tdm-policy"] = "txn.sg_policy",
    ["x-sg-notice-content-usage"] = "txn.sg_usage",
    ["x-sg-notice-x-robots-tag"] = "txn.sg_robots",
}

-- Headers of HAProxy's (counted from 0) as the HTTP client takes them (from 1), without those of this connection.
local function carried(headers)
    local out = {}
    for name, values in pairs(headers) do
        if not own[name] then
            out[name] = {}
            for i = 0, #values do
                out[name][#out[name] + 1] = values[i]
            end
        end
    end
    return out
end

-- The answer instead of the site's.
local function refuse(txn, status, reason, headers, body)
    local reply = txn:reply({ status = status, reason = reason })
    for name, values in pairs(headers) do
        for _, value in ipairs(values) do
            reply:add_header(name, value)
        end
    end
    reply:set_body(body)
    txn:done(reply)
end

core.register_action("scrapeguard", { "http-req" }, function(txn)
    local question = carried(txn.http:req_get_headers())
    question["x-forwarded-uri"] = { txn.f:pathq() }
    question["x-forwarded-method"] = { txn.f:method() }
    question["x-forwarded-names"] = { txn.f:req_hdr_names(",") } -- their order, which a table of Lua's does not keep
    local answer = core.httpclient():get({ url = url, headers = question, timeout = 300 })

    if down[answer.status] and not (answer.headers and answer.headers["x-sg-verdict"]) then
        if open then
            txn.http:req_set_header("x-sg-verdict", "unjudged")
        else
            refuse(txn, 503, "Service Unavailable",
                { ["content-type"] = { "text/plain" }, ["cache-control"] = { "no-store" } },
                "This site cannot answer just now.\n")
        end
    elseif answer.status == 200 then
        for _, name in ipairs({ "x-sg-verdict", "x-sg-client", "x-sg-score", "x-sg-request-id" }) do
            txn.http:req_set_header(name, answer.headers[name][0])
        end
        txn:set_var("txn.sg_id", answer.headers["x-sg-request-id"][0]) -- for the report
        for name, variable in pairs(notices) do
            if answer.headers[name] then
                txn:set_var(variable, answer.headers[name][0])
            end
        end
    else
        refuse(txn, answer.status, answer.reason, carried(answer.headers), answer.body)
    end
end)
