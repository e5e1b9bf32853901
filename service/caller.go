package service

import (
	"cmp"
	"fmt"
	"net"

	"github.com/zoneusage/zoneusage/jasperclient"
)

// headerClass is how a caller lets others go first.
const headerClass = "x-usage-class"

// classBulk is the class of who does.
const classBulk = "bulk"

// callerOf is who waits in the account's lane; a class that is none is added to bad.
func callerOf(rec *record, bad *requestError) jasperclient.Caller {
	caller := jasperclient.Caller{Name: cmp.Or(rec.asker, rec.shown.Host)}
	for _, class := range rec.classes {
		switch class {
		case classBulk:
			caller.Bulk = true
		case "interactive", "":
		default:
			const shown = 40
			bad.violate(headerClass, fmt.Errorf("%.*q is no class; send bulk, or interactive or nothing", shown, class))
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
