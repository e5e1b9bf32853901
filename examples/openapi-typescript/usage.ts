// It asks zoneusage over REST, with types that openapi-typescript makes of the OpenAPI document that the service serves:
//
//	curl -O http://127.0.0.1:8080/openapi.yaml && npm ci && npm run generate && npm run build && npm start http://127.0.0.1:8080

import createClient from "openapi-fetch";
import type { paths } from "./openapi.d.ts";

const client = createClient<paths>({ baseUrl: process.argv[2] ?? "http://127.0.0.1:8080" });

function ask(iccid: string) {
  return client.GET("/v1/devices/{iccid}/usageInZone", {
    params: { path: { iccid }, header: { "Grpc-Timeout": "30S" } },
  });
}

const { data, error } = await ask("8988217755520000031");
if (data === undefined) {
  throw new Error(JSON.stringify(error));
}
for (const plan of data.ratePlanUsages) {
  for (const { zone, usage } of plan.zoneUsages) {
    // A string of digits, for a number is exact to 2^53 alone; BigInt makes one of it.
    const bytes = usage.dataBytes === undefined ? "no data reported" : `${BigInt(usage.dataBytes)} bytes`;
    console.log(`${plan.ratePlan}, version ${plan.ratePlanVersion}, ${zone}: ${bytes}`);
  }
}

const unknown = await ask("8988217755520000099");
if (unknown.error === undefined || typeof unknown.error === "string") {
  throw new Error(`HTTP status ${unknown.response.status}`);
}
for (const detail of unknown.error.details ?? []) {
  if (detail["@type"] === "type.googleapis.com/google.rpc.ErrorInfo") {
    console.log(detail.reason);
  }
}
