package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/alecthomas/kong"
	"google.golang.org/protobuf/types/known/durationpb"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/internal/iccids"
	"github.com/zoneusage/zoneusage/internal/inquiry"
	"github.com/zoneusage/zoneusage/internal/usageform"
	"github.com/zoneusage/zoneusage/jasperclient"
)

const (
	// bulkFrom is the number of devices from which --class=auto asks as bulk.
	bulkFrom = 20
	// progressFrom is the number of devices from which a progress bar is worth its place.
	progressFrom = 20
	// misnamedLimit is the number of devices for which a rate plan or zone may be unknown before the name is taken for
	// mistyped.
	misnamedLimit = 20
)

type getCommand struct {
	callerFlags

	Devices []string `arg:"" optional:"" name:"iccid" help:"The devices: ICCIDs, @FILE for those in a file, - for those on standard input, one a line."`
	File    []string `placeholder:"FILE" sep:"none" help:"The same as @FILE; may be given several times."`
	Column  string   `placeholder:"NAME" help:"Files and standard input are CSV, whose first row names the columns; take the ICCIDs from this one."`

	CycleStartDate string         `placeholder:"DATE" help:"A day of the billing cycle, such as 2026-11-10; by default the current cycle."`
	RatePlan       string         `placeholder:"NAME" help:"One rate plan alone, by its exact name."`
	Zone           string         `placeholder:"NAME" help:"One zone alone, by its exact name."`
	Account        string         `placeholder:"NAME" help:"The account to ask, where the service has several."`
	MaxAge         *time.Duration `placeholder:"DURATION" help:"The oldest answer to take, such as 10m; 0s asks Control Center now."`

	Class    string        `enum:"auto,interactive,bulk" default:"auto" help:"The priority class: ${enum}. Bulk questions let interactive ones go first; auto is bulk from ${bulk_from} devices on."`
	Parallel int           `default:"8" help:"How many devices to ask about at once; the service queues them."`
	Timeout  time.Duration `default:"2m" help:"How long a device may take, including the waits that the service asks for."`
	Retries  int           `default:"4" help:"How often to try again when the service or Control Center cannot be reached."`

	Output string `enum:"table,json,csv,yaml" default:"table" help:"The form of the answers: ${enum}."`
	Out    string `placeholder:"FILE" help:"Write the answers to this file, which must not exist."`
	Resume bool   `help:"Continue the file of --out: devices that it holds are skipped, and one that is incomplete is asked again."`
}

// Help is the text after the command's summary.
func (getCommand) Help() string {
	return `Answers come in the order of the ICCIDs, each of which is asked about once. A device that fails has a line on standard error, does not stop the rest, and makes the exit status 1; 2 means that the command is malformed, 130 that it was interrupted. To go on with a file, give the same flags again, with --resume.

Examples:

  zoneusage get 8988217755520000031
  zoneusage get 8988217755520000031 --cycle-start-date 2026-10-10 --output json | jq .total
  zoneusage get @fleet.txt --output csv --out usage.csv
  zoneusage get @fleet.txt --output csv --out usage.csv --resume
  zoneusage get --file devices.csv --column ICCID --output yaml
  grep -v spare fleet.txt | zoneusage get - --class bulk --max-age 1h --output json
  ZONEUSAGE_TOKEN=… zoneusage get --addr usage.internal:9090 --ca-cert ca.crt 8988217755520000031

Every flag is also a variable, --ca-cert being ZONEUSAGE_CA_CERT.`
}

// Run asks the service about every device.
func (c *getCommand) Run(ctx context.Context, app *kong.Kong) error {
	if err := c.check(); err != nil {
		return exitError{misused, err}
	}
	conn, err := c.dial()
	if err != nil {
		return exitError{misused, err}
	}
	defer func() { _ = conn.Close() }() // all its calls have ended
	list := iccids.List{Sources: c.sources(), Column: c.Column, Stdin: os.Stdin}
	known := &iccids.Set{}
	report, err := c.open(app, &list, known)
	if err != nil {
		return err
	}
	count, counted := list.Count()
	atLeast := func(devices int) bool { return !counted || count >= devices }
	question := inquiry.Inquiry{
		Client:   usagev1.NewUsageServiceClient(conn),
		Question: c.question(),
		Bulk:     c.Class == "bulk" || (c.Class == "auto" && atLeast(bulkFrom)),
		Parallel: c.Parallel,
		Timeout:  c.Timeout,
		Retries:  c.Retries,
	}
	report.total = count
	if atLeast(progressFrom) {
		report.showProgress()
	}
	for answer := range question.Ask(ctx, list.MarkDuplicates(known)) {
		if !report.add(answer) {
			break
		}
	}
	return report.close(ctx)
}

func (c *getCommand) check() error {
	if len(c.sources()) == 0 {
		return errors.New("name the devices: ICCIDs, @FILE, or - for standard input")
	}
	for _, source := range c.sources() {
		if source == "@" {
			return errors.New("@ needs the name of a file, such as @fleet.txt")
		}
	}
	if c.CycleStartDate != "" {
		if _, err := jasperclient.ParseDate(c.CycleStartDate); err != nil {
			return fmt.Errorf("--cycle-start-date: %w", err)
		}
	}
	switch {
	case c.MaxAge != nil && *c.MaxAge < 0:
		return fmt.Errorf("--max-age must not be negative, but it is %s", *c.MaxAge)
	case c.Parallel < 1:
		return fmt.Errorf("--parallel must be above 0, but it is %d", c.Parallel)
	case c.Timeout <= 0:
		return fmt.Errorf("--timeout must be above 0, but it is %s", c.Timeout)
	case c.Retries < 0:
		return fmt.Errorf("--retries must not be negative, but it is %d", c.Retries)
	case c.Resume && c.Out == "":
		return errors.New("--resume goes on with a file; name it with --out")
	case c.Resume && c.Output == "table":
		return errors.New("--resume cannot read a table back; give --output csv, json or yaml")
	}
	return nil
}

// sources are the arguments and, after them, the files of --file.
func (c *getCommand) sources() []string {
	all := c.Devices[:len(c.Devices):len(c.Devices)]
	for _, file := range c.File {
		all = append(all, "@"+file)
	}
	return all
}

func (c *getCommand) question() *usagev1.GetDeviceUsageInZoneRequest {
	question := &usagev1.GetDeviceUsageInZoneRequest{
		CycleStartDate: c.CycleStartDate, RatePlan: c.RatePlan, Zone: c.Zone, Account: c.Account,
	}
	if c.MaxAge != nil {
		question.MaxAge = durationpb.New(*c.MaxAge)
	}
	return question
}

// form is the form of the answers. A table is as wide and colored as standard output allows, unless it goes to a file.
func (c *getCommand) form(app *kong.Kong) usageform.Form {
	switch c.Output {
	case "json":
		return usageform.JSON
	case "csv":
		return usageform.CSV
	case "yaml":
		return usageform.YAML
	}
	if c.Out != "" {
		return usageform.Table(usageform.Style{})
	}
	return usageform.Table(tableStyle(app.Stdout))
}
