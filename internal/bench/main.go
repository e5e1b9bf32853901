// Command bench measures zoneusage against references on the same machine. One load generator asks both in turns, so that
// whatever else the machine does affects both. What counts is the ratio of the two, pair by pair. `make bench` runs it, on
// Linux.
//
// It builds zoneusage and runs it with logs, metrics and traces on. The references are roles of this program, each in a
// process of its own.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// roles are the servers that this program starts as processes of itself.
var roles = map[string]func(ctx context.Context, args []string) error{
	upstreamRole: runUpstream,
	echoRole:     runEcho,
	plainRole:    runPlain,
}

// options are the options of the command line.
type options struct {
	rows     *regexp.Regexp
	rounds   int
	time     time.Duration
	noise    bool
	binary   string
	json     string
	markdown string
	guard    string
	baseline string
	command  string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) > 0 {
		if role := roles[args[0]]; role != nil {
			return role(ctx, args[1:])
		}
	}
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	if o.guard != "" && runtime.GOOS != "linux" {
		_, err := fmt.Fprintln(out, "nothing is measured: that is possible on Linux alone")
		return err
	}
	s, err := openStage(ctx, o.binary)
	if err != nil {
		return err
	}
	defer s.close()
	switch {
	case o.guard != "":
		return s.guard(ctx, o.guard, out)
	case o.baseline != "":
		return s.writeBaseline(ctx, o, out)
	}
	return s.bench(ctx, o, out)
}

func parseOptions(args []string) (options, error) {
	o := options{command: commandLine(args)}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	pattern := flags.String("run", "", "measure only the rows that match this regular expression, as in \"REST small.*, 64 callers\"")
	flags.IntVar(&o.rounds, "rounds", 5, "how many pairs a row has")
	flags.DurationVar(&o.time, "time", 2*time.Second, "how long each side of a pair is asked")
	flags.BoolVar(&o.noise, "aa", false, "measure the reference against itself in every row, to see the noise")
	flags.StringVar(&o.binary, "zoneusage", "", "a zoneusage to measure; empty: the one of this tree, which is built first")
	flags.StringVar(&o.json, "json", "", "write all figures to this file")
	flags.StringVar(&o.markdown, "markdown", "", "write a page of them to this file")
	flags.StringVar(&o.guard, "guard", "", "measure two rows for a moment, and fail when they are far worse than in this file")
	flags.StringVar(&o.baseline, "write-baseline", "", "measure these two rows, and write that file")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	if o.rounds < 1 || o.time <= 0 || flags.NArg() > 0 {
		return options{}, fmt.Errorf("give -rounds and -time above 0, and nothing but flags: %q", args)
	}
	var err error
	o.rows, err = regexp.Compile(*pattern)
	return o, err
}

// commandLine is the shell command that runs this again.
func commandLine(args []string) string {
	line := "go run ./internal/bench"
	for _, arg := range args {
		if strings.ContainsAny(arg, " \t\"|*?()[]$&;<>\\") {
			arg = "'" + arg + "'"
		}
		line += " " + arg
	}
	return line
}
