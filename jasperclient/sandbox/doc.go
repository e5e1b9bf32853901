// Package sandbox imitates one page of the Cisco IoT Control Center REST API,
// "Get Device Usage by Zone", so that a client can be written, tested and shown
// without an account:
//
//	GET /rws/api/v1/devices/{iccid}/usageInZone?cycleStartDate=&ratePlan=&zone=
//
// A [Sandbox] is an [http.Handler] that answers as Control Center does on
// the wire: HTTP Basic credentials, the vendor's field names and their order,
// null for usage that was not reported, flat error bodies with a string code.
// It has three kinds of devices:
//
//   - the built-in fleet, each of whose devices shows one thing a client must
//     get right ([Fleet] lists them);
//   - generated devices, as many as [WithDevices] asks for, whose numbers are
//     computed, never stored ([GeneratedICCID] names them);
//   - trouble ICCIDs, [TroublePrefix] and an eight-digit error code, which
//     always answer with that error.
//
// What nobody outside the vendor knows about the real service is an option, so
// that a client can be tested against each variant; the option's comment says so.
//
// The sandbox counts an account's calls ([Sandbox.Ledger]); [WithAccount] adds
// accounts to the first one. Unlike the real service it allows any number of
// calls, unless [WithFairUse] sets a limit: without a limit, only the trouble
// ICCID 890000000040000029 answers with the rate-limit error.
//
// [WithFaults] makes calls go wrong in ways that no question asks for: errors
// of the server and of proxies, broken connections, answers that are slow, huge,
// malformed or about another device.
package sandbox
