// Package jasperclient asks Cisco IoT Control Center (formerly Jasper) what a device used, by rate plan and zone.
//
// It is Control Center's REST function "Get Device Usage by Zone" in Go: one call, typed answers, and errors a program
// can tell apart. It trusts nothing: an answer that cannot be read completely, names another device, has an unknown unit
// or holds another billing cycle than the one asked for is an [InvalidResponseError], never a number.
//
//	client, err := jasperclient.New("https://rws-jpotest.jasper.com", jasperclient.Credentials{
//		Username: "user",
//		APIKey:   os.Getenv("API_KEY"),
//	})
//	…
//	usage, err := client.UsageInZone(ctx, jasperclient.UsageQuery{ICCID: iccid})
//
// A call ends with a *[DeviceUsage], or with one of these errors, which errors.AsType finds:
//
//   - *[BusyError]: the account has no turn for the call in time; Control Center was not asked.
//   - *[QueryError]: the query itself is at fault; Control Center was not asked.
//   - *[APIError]: Control Center refused; its Code says why.
//   - *[UnavailableError]: Control Center did not answer, something in front of it did, or it was not asked because it
//     failed again and again.
//   - *[InvalidResponseError]: the answer cannot be trusted.
//   - [ErrClosed]: the client was closed.
//   - the context's error, when the caller's deadline passed or the caller left.
//
// No error, log line or formatted value of this package holds the API key. No error holds the ICCID either, unless
// Control Center's own text or header has it.
//
// Control Center allows an account one call at a time and about one call a second, over all its users. A Client keeps to
// that for all its callers, in its lane: calls wait for their turn, and a caller that cannot have a turn before its deadline
// is refused at once. So use one Client for an account; [WithFairUse] tells it what the account allows. A call that Control
// Center refuses for coming too often, or that fails by Control Center's fault, is made at most three times, each time in a
// turn of its own.
//
// [Client.UsageInZone] makes a call for one caller. [Client.Start] starts a call that several callers can share through
// [Call.Join], each with its own deadline. It also says who the caller is, and whether its call lets others go first
// ([Caller]).
//
// A Client reports on its lane: [Client.Lane] is its present state, [WithEvents] reports what happens in it, for metrics,
// and [WithTracerProvider] makes OpenTelemetry spans of the calls. No span holds the API key or the ICCID, not even if
// Control Center's own text has it.
package jasperclient
