package service

import (
	"cmp"
	"fmt"
	"net"

	"github.com/zoneusage/zoneusage/jasperclient"
)

// classBulk is the class of a caller that lets others go first.
const classBulk = "bulk"

// callerOf is the caller that waits in the account's lane. An unknown class is added to bad.
func callerOf(rec *record, bad *requestError) jasperclient.Caller {
	caller := jasperclient.Caller{Name: cmp.Or(rec.caller, rec.host)}
	for _, class := range rec.headers.get(headerClass) {
		switch class {
		case classBulk:
			caller.Bulk = true
		case "interactive", "":
		default:
			const shown = 40
			bad.violate(headerClass.grpc, fmt.Errorf("%.*q is not a valid class; send bulk, or interactive or nothing", shown, class))
		}
	}
	return caller
}

// hostOf is an address without its port.
func hostOf(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return host
}
