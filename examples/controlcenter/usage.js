// Asks Control Center itself for a device's usage, with the request module and HTTP Basic. The false says that the
// credentials are sent only when a first call without them was answered 401 with WWW-Authenticate: Basic.
//
//   node usage.js URL USER KEY ICCID

'use strict'

const request = require('request')

const [base, user, key, iccid] = process.argv.slice(2)

request.get({
  url: `${base}/rws/api/v1/devices/${iccid}/usageInZone`,
  headers: { Accept: 'application/json' }
}, (error, response, body) => {
  if (error) throw error
  console.log(response.statusCode)
  console.log(body)
}).auth(user, key, false)
