// Command zoneusage serves a device's usage on Cisco IoT Control Center by rate plan and zone, over gRPC and REST.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/zoneusage/zoneusage/internal/callers"
	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
)

type commands struct {
	Serve       serveCommand       `cmd:"" help:"Serve UsageService over gRPC and REST; without a Control Center configured, on the sandbox."`
	Sandbox     sandboxCommand     `cmd:"" help:"Serve the sandbox, an embedded Control Center, on an address of its own."`
	Get         getCommand         `cmd:"" help:"Ask a running zoneusage what devices used, and print it as tables, JSON, CSV or YAML."`
	Healthcheck healthcheckCommand `cmd:"" help:"Ask a running zoneusage whether it serves; exit status 0 says yes."`
	Completion  completionCommand  `cmd:"" help:"Print a script with which a shell completes commands, flags and their values."`
	Version     versionCommand     `cmd:"" help:"Print the version."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal this context stops listening: a second one is for shutdownContext.
	context.AfterFunc(ctx, stop)
	parser := kong.Must(&commands{},
		kong.Name("zoneusage"),
		kong.Description("A device's usage on Cisco IoT Control Center by rate plan and zone, typed, over gRPC and REST."),
		kong.DefaultEnvars("ZONEUSAGE"),
		kong.Vars{
			"bulk_from":       strconv.Itoa(bulkFrom),
			"fault_kinds":     strings.Trim(fmt.Sprint(sandbox.FaultKinds()), "[]"),
			"oidc_algorithms": strings.Join(callers.Algorithms(), ", "),
		},
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Exit(exit),
	)
	command, err := parser.Parse(os.Args[1:])
	parser.FatalIfErrorf(err)
	parser.FatalIfErrorf(command.Run())
}
