package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/internal/iccids"
	"github.com/zoneusage/zoneusage/internal/inquiry"
	"github.com/zoneusage/zoneusage/internal/progress"
	"github.com/zoneusage/zoneusage/internal/usageform"
)

// A report writes the output of get: the answers to one place, and errors and progress to another.
type report struct {
	form    usageform.Form
	answers io.Writer
	file    *os.File // the file of --out; nil for standard output
	isNew   bool     // the file did not exist before
	errors  io.Writer
	addr    string // the address of the service
	timeout time.Duration
	total   int           // the number of entries on the list; 0 if unknown
	bar     *progress.Bar // nil if nobody watches

	text                      []byte // the last answer, kept to reuse its memory
	held                      bool   // the file holds answers of an earlier run
	answered, failed, skipped int
	misnamed                  int   // how many of failed had an unknown rate plan or zone
	err                       error // ends the report before the end of the list
}

// showProgress draws a bar if the errors go to a terminal and the answers do not: it would come between the answers.
func (r *report) showProgress() {
	screen, watched := terminal(r.errors)
	if _, between := terminal(r.answers); watched && !between {
		r.bar = progress.NewBar(screen, func() int { return columns(screen) }, r.total)
	}
}

// add adds an answer, and reports whether more answers are wanted.
func (r *report) add(answer inquiry.Answer) bool {
	switch err := answer.Err; {
	case errors.Is(err, iccids.ErrDuplicate):
		r.skipped++
	case err != nil && answer.ICCID == "":
		r.fail(err.Error())
	case err != nil:
		text := inquiry.TextOf(err)
		if status.Code(err) == codes.DeadlineExceeded {
			text = fmt.Sprintf("no answer in %s; --timeout gives it more", r.timeout)
		}
		r.fail(fmt.Sprintf("%s: %s: %s", answer.ICCID, inquiry.ReasonOf(err), text))
		r.err = r.endFor(err)
	default:
		if r.err = r.write(answer.Response); r.err == nil {
			r.answered++
		}
	}
	if r.bar != nil {
		r.bar.Set(progress.Count{Passed: r.done(), Worked: r.answered + r.failed, Failed: r.failed})
	}
	return r.err == nil
}

// done is how many entries of the list are finished.
func (r *report) done() int { return r.answered + r.failed + r.skipped }

// endFor returns the reason why a device's error ends the report early; nil for most errors. Control Center may refuse a name
// for one device only, but it refuses a mistyped name for all devices.
func (r *report) endFor(err error) error {
	switch {
	case inquiry.IsUnreachable(err):
		return fmt.Errorf("no zoneusage answers at %s; does one serve there? With TLS give --tls, and --ca-cert if its certificate is your own CA's", r.addr)
	case inquiry.AffectsEveryDevice(err) && r.done() != r.total:
		return errors.New("any other device would have the same error, so none is asked about")
	}
	if inquiry.IsUnknownName(err) {
		r.misnamed++
	}
	if r.misnamed < misnamedLimit || r.held || r.answered > 0 || r.done() == r.total {
		return nil
	}
	return fmt.Errorf("--rate-plan or --zone is unknown for each of %d devices, so the others are not asked about; "+
		"correct the name, or begin with a device that has it", misnamedLimit)
}

// write writes an answer in one piece, so that only a kill in the middle can leave a part of it.
func (r *report) write(resp *usagev1.GetDeviceUsageInZoneResponse) error {
	var err error
	if r.text, err = r.form.Append(r.text[:0], resp); err != nil {
		return err
	}
	_, err = r.answers.Write(r.text)
	return err
}

func (r *report) fail(line string) {
	r.failed++
	line = usageform.Printable(line) + "\n"
	if r.bar != nil {
		r.bar.Above(line)
	} else {
		_, _ = io.WriteString(r.errors, line) // there is nowhere else to report it
	}
}

// close ends the report. If any answer is missing, the summary is the error.
func (r *report) close(ctx context.Context) error {
	if r.bar != nil {
		r.bar.Close()
	}
	if r.file != nil {
		r.err = errors.Join(r.err, r.closeFile())
	}
	summary := fmt.Sprintf("%d answered, %d failed", r.answered, r.failed)
	if r.skipped > 0 {
		summary += fmt.Sprintf(", %d not asked again", r.skipped)
	}
	switch {
	case ctx.Err() != nil:
		return exitError{interrupted, fmt.Errorf("%s: %w", summary, context.Cause(ctx))}
	case r.err != nil:
		return fmt.Errorf("%s: %w", summary, r.err)
	case r.failed > 0:
		return errors.New(summary)
	case r.answered+r.skipped == 0:
		return errors.New("the list has no ICCIDs; write one a line, or name the --column of CSV that has them")
	}
	return nil
}

// closeFile closes the file of the answers. It removes a new file without answers, which would only be in the way of the next
// try.
func (r *report) closeFile() error {
	err := r.file.Close()
	if r.isNew && r.answered == 0 {
		err = errors.Join(err, os.Remove(r.file.Name()))
	}
	return err
}

// terminal returns w as a terminal, and reports whether it is one that can draw.
func terminal(w io.Writer) (*os.File, bool) {
	file, ok := w.(*os.File)
	return file, ok && term.IsTerminal(int(file.Fd())) && os.Getenv("TERM") != "dumb"
}

// columns is the width of a terminal.
func columns(screen *os.File) int {
	const usual = 80
	width, _, err := term.GetSize(int(screen.Fd()))
	if err != nil || width <= 0 {
		return usual
	}
	return width
}

// tableStyle is the style of a table written to w. NO_COLOR turns colors off, as no-color.org asks.
func tableStyle(w io.Writer) usageform.Style {
	screen, ok := terminal(w)
	if !ok {
		return usageform.Style{}
	}
	return usageform.Style{Width: columns(screen), Color: os.Getenv("NO_COLOR") == ""}
}
