// node webtorrent.cjs NPM-FOLDER TORRENT FOLDER: download everything from web seeds, say the info hash.
const [npm, torrent, folder] = process.argv.slice(2)
const WebTorrent = require(npm + '/node_modules/webtorrent')

const client = new WebTorrent({
  dht: false, tracker: false, lsd: false, utPex: false, natUpnp: false, natPmp: false, utp: false
})
const fail = error => { console.error(String(error)); process.exit(1) }
client.on('error', fail)
client.add(torrent, { path: folder }, added => {
  added.on('done', () => {
    console.log(JSON.stringify({ infoHash: added.infoHash }))
    client.destroy(() => process.exit(0))
  })
})
setTimeout(() => fail('not done in time'), 90000)
