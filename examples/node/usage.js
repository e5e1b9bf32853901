// Asks zoneusage what devices used: what a first gRPC client in Node needs, and no more.
//
//   node usage.js ICCID...

'use strict'

const fs = require('node:fs')
const path = require('node:path')
const { setTimeout: sleep } = require('node:timers/promises')
const grpc = require('@grpc/grpc-js')
const protoLoader = require('@grpc/proto-loader')

const examples = path.join(__dirname, '..')
const timeout = Number(process.env.USAGE_TIMEOUT ?? 30) * 1000

// 64-bit numbers are strings, because a number of JavaScript's is exact up to 2^53 alone. Of what is optional, absent is
// undefined: defaults make no 0 of it.
const definition = protoLoader.loadSync(['jasper/usage/v1/usage_service.proto', 'google_rpc.proto'], {
  includeDirs: [path.join(examples, '..', 'proto'), examples],
  keepCase: true,
  longs: String,
  defaults: true,
  oneofs: true
})
const { UsageService } = grpc.loadPackageDefinition(definition).jasper.usage.v1

// connect makes a plain client, for a service on loopback, or where USAGE_CA names a file of roots one with TLS and USAGE_TOKEN.
function connect () {
  const address = process.env.USAGE_ADDR ?? '127.0.0.1:9090'
  const options = { 'grpc.service_config': fs.readFileSync(path.join(examples, 'service_config.json'), 'utf8') }
  if (!process.env.USAGE_CA) return new UsageService(address, grpc.credentials.createInsecure(), options)
  const token = grpc.credentials.createFromMetadataGenerator((_, done) => {
    const metadata = new grpc.Metadata()
    metadata.set('authorization', `Bearer ${process.env.USAGE_TOKEN ?? ''}`)
    done(null, metadata)
  })
  const tls = grpc.credentials.createSsl(fs.readFileSync(process.env.USAGE_CA))
  return new UsageService(address, grpc.credentials.combineChannelCredentials(tls, token), options)
}

// show asks for a device and prints the answer. When the account's calls are used up it waits and asks once more.
async function show (client, iccid) {
  let answer
  try {
    answer = await ask(client, iccid)
  } catch (error) {
    const { reason, wait } = details(error)
    if (reason !== 'RATE_LIMITED' || wait === undefined) throw error
    console.log(`${iccid}: RATE_LIMITED, asking again in ${(wait / 1000).toFixed(1)} s`)
    await sleep(wait)
    answer = await ask(client, iccid)
  }
  const { response, header } = answer
  const [age] = header.get('age')
  const source = header.get('x-usage-source') + (age === undefined ? '' : `, ${age} s old`)
  const { start_time: start, end_time: end } = response.billing_cycle
  console.log(`${response.iccid}: ${source}, account ${header.get('x-usage-account')}, made at ${time(response.timestamp)}, ` +
    `cycle ${time(start)} to ${time(end)}`)
  for (const plan of response.rate_plan_usages) {
    for (const { zone, usage } of plan.zone_usages) {
      console.log(`  ${plan.rate_plan}, version ${plan.rate_plan_version}, ${zone}: data ${usage.data_bytes ?? null}, ` +
        `voice MT ${usage.voice_mt_seconds ?? null}, voice MO ${usage.voice_mo_seconds ?? null}, ` +
        `SMS MT ${usage.sms_mt_messages ?? null}, SMS MO ${usage.sms_mo_messages ?? null}`)
    }
  }
}

// ask is one call, with its deadline; the header tells where the answer comes from.
function ask (client, iccid) {
  return new Promise((resolve, reject) => {
    let header
    client.getDeviceUsageInZone({ iccid }, { deadline: Date.now() + timeout },
      (error, response) => error ? reject(error) : resolve({ response, header })
    ).on('metadata', (metadata) => { header = metadata })
  })
}

// time is a time in RFC 3339. Whole seconds have no fraction, as in protobuf's JSON.
function time ({ seconds, nanos }) {
  return new Date(Number(seconds) * 1000 + nanos / 1e6).toISOString().replace('.000', '')
}

// details gives the reason of a failure and the milliseconds after which to ask again, undefined where the service gave none.
function details (error) {
  const found = {}
  const [status] = error.metadata?.get('grpc-status-details-bin') ?? []
  if (status === undefined) return found
  for (const { type_url: url, value } of definition['google.rpc.Status'].deserialize(status).details) {
    const type = url.slice(url.lastIndexOf('/') + 1)
    if (type === 'google.rpc.ErrorInfo') {
      const { domain, reason } = definition[type].deserialize(value)
      if (domain === 'usage.jasper') found.reason = reason
    } else if (type === 'google.rpc.RetryInfo') {
      const { seconds, nanos } = definition[type].deserialize(value).retry_delay
      found.wait = Number(seconds) * 1000 + nanos / 1e6
    }
  }
  return found
}

async function main () {
  const client = connect()
  for (const iccid of process.argv.slice(2)) {
    try {
      await show(client, iccid)
    } catch (error) {
      if (error.code === undefined) throw error // it is none of gRPC's
      console.log(`${iccid}: ${grpc.status[error.code]}, ${details(error).reason || 'no reason'}: ${error.details}`)
      process.exitCode = 1
    }
  }
  client.close()
}

main()
