// Node's own fetch, axios and simplecrawler: fetch.mjs fetch|axios|simplecrawler URL REQUESTS
import { createRequire } from 'node:module'
const [kind, url, count] = process.argv.slice(2)
const load = createRequire(process.env.TOOLS_NODE + '/')
if (kind === 'simplecrawler') {
  const crawler = new (load('simplecrawler'))(url + '/')
  crawler.interval = 20
  crawler.maxConcurrency = 5
  let seen = 0
  crawler.on('fetchstart', () => { if (++seen >= Number(count)) crawler.stop() })
  crawler.start()
} else {
  const get = kind === 'axios' ? load('axios').get : fetch
  for (let n = 1; n <= Number(count); n++) {
    try { const answer = await get(`${url}/item/${n * 13 % 5000 + 1}`); if (answer.text) await answer.text() } catch { }
  }
}
