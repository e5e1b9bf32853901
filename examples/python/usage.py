"""Asks zoneusage what devices used: what a first gRPC client in Python needs, and no more.

    python3 usage.py ICCID...
"""

import os
import pathlib
import sys
import time

import grpc

import google_rpc_pb2 as google_rpc
from jasper.usage.v1 import usage_service_pb2 as usage_service
from jasper.usage.v1 import usage_service_pb2_grpc as usage_service_grpc

SERVICE_CONFIG = pathlib.Path(__file__).parent.parent / "service_config.json"
TIMEOUT = float(os.environ.get("USAGE_TIMEOUT", "30"))  # seconds


def connect():
    """A plain channel, for a service on loopback, or where USAGE_CA names a file of roots TLS, with USAGE_TOKEN."""
    address = os.environ.get("USAGE_ADDR", "127.0.0.1:9090")
    options = [("grpc.service_config", SERVICE_CONFIG.read_text())]
    if "USAGE_CA" not in os.environ:
        return grpc.insecure_channel(address, options)
    credentials = grpc.composite_channel_credentials(
        grpc.ssl_channel_credentials(pathlib.Path(os.environ["USAGE_CA"]).read_bytes()),
        grpc.access_token_call_credentials(os.environ.get("USAGE_TOKEN", "")),
    )
    return grpc.secure_channel(address, credentials, options)


def show(client, iccid):
    """Asks for a device and prints the answer. When the account's calls are used up it waits and asks once more."""
    try:
        response, header = ask(client, iccid)
    except grpc.RpcError as error:
        reason, wait = details(error)
        if reason != "RATE_LIMITED" or wait is None:
            raise
        print(f"{iccid}: RATE_LIMITED, asking again in {wait:.1f} s", flush=True)
        time.sleep(wait)
        response, header = ask(client, iccid)
    source = header["x-usage-source"]
    if "age" in header:
        source += f", {header['age']} s old"
    cycle = response.billing_cycle
    print(
        f"{response.iccid}: {source}, account {header['x-usage-account']}, made at {response.timestamp.ToJsonString()}, "
        f"cycle {cycle.start_time.ToJsonString()} to {cycle.end_time.ToJsonString()}"
    )
    for plan in response.rate_plan_usages:
        for zone in plan.zone_usages:
            usage = zone.usage
            print(
                f"  {plan.rate_plan}, version {plan.rate_plan_version}, {zone.zone}: data {count(usage, 'data_bytes')}, "
                f"voice MT {count(usage, 'voice_mt_seconds')}, voice MO {count(usage, 'voice_mo_seconds')}, "
                f"SMS MT {count(usage, 'sms_mt_messages')}, SMS MO {count(usage, 'sms_mo_messages')}"
            )


def ask(client, iccid):
    """One call, with its deadline; the header tells where the answer comes from."""
    request = usage_service.GetDeviceUsageInZoneRequest(iccid=iccid)
    response, call = client.GetDeviceUsageInZone.with_call(request, timeout=TIMEOUT)
    return response, dict(call.initial_metadata())


def count(usage, kind):
    """Keeps null, which says that nothing of the kind was reported, apart from 0: usage.data_bytes alone would be 0."""
    return getattr(usage, kind) if usage.HasField(kind) else "null"


def details(error):
    """The reason of a failure and the seconds after which to ask again, each None where the service gave none."""
    reason, wait = None, None
    status = google_rpc.Status.FromString(dict(error.trailing_metadata()).get("grpc-status-details-bin", b""))
    for detail in status.details:
        info, retry = google_rpc.ErrorInfo(), google_rpc.RetryInfo()
        if detail.Unpack(info) and info.domain == "usage.jasper":
            reason = info.reason
        if detail.Unpack(retry):
            wait = retry.retry_delay.ToTimedelta().total_seconds()
    return reason, wait


def main():
    """Asks for every device and tells by the exit status whether each was answered."""
    status = 0
    with connect() as channel:
        client = usage_service_grpc.UsageServiceStub(channel)
        for iccid in sys.argv[1:]:
            try:
                show(client, iccid)
            except grpc.RpcError as error:
                reason, _ = details(error)
                print(f"{iccid}: {error.code().name}, {reason or 'no reason'}: {error.details()}")
                status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
