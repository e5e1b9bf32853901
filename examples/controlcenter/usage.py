"""Asks Control Center itself for a device's usage, with the requests library and HTTP Basic.

    python3 usage.py URL USER KEY ICCID
"""

import sys

import requests

base, user, key, iccid = sys.argv[1:]
response = requests.get(
    f"{base}/rws/api/v1/devices/{iccid}/usageInZone",
    auth=(user, key),
    headers={"Accept": "application/json"},
    timeout=60,
)
print(response.status_code)
print(response.text)
