package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/alecthomas/kong"

	"github.com/zoneusage/zoneusage/internal/iccids"
)

// open makes the report, which writes to standard output or to the file of --out. It adds the devices whose answers the file
// already holds to known, and puts a device whose answer is there in part first on the list.
func (c *getCommand) open(app *kong.Kong, list *iccids.List, known *iccids.Set) (*report, error) {
	r := &report{form: c.form(app), answers: app.Stdout, errors: app.Stderr, addr: c.Addr, timeout: c.Timeout}
	if c.Out == "" {
		_, err := r.answers.Write([]byte(r.form.Header))
		return r, err
	}
	if info, err := os.Stat(c.Out); err == nil && list.Reads(info) {
		return nil, fmt.Errorf("--out: the devices are read from %s, which the answers would spoil; give another name", c.Out)
	}
	file, err := c.openFile()
	if err != nil {
		return nil, fmt.Errorf("--out: %w", err)
	}
	rest, err := r.form.Resume(file, known)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("--out: %w", err), file.Close())
	}
	list.First = rest.Part
	r.answers, r.file, r.isNew, r.held = rest, file, !c.Resume, known.Len() > 0
	return r, nil
}

// openFile opens the file of --out and locks it for this process.
func (c *getCommand) openFile() (*os.File, error) {
	mode := os.O_EXCL
	if c.Resume {
		mode = 0
	}
	file, err := os.OpenFile(c.Out, os.O_RDWR|os.O_CREATE|mode, 0o644)
	if errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("%s exists; give another name, or --resume to go on with it", c.Out)
	}
	if err != nil {
		return nil, err
	}
	if err := lock(file); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", c.Out, err), file.Close())
	}
	return file, nil
}
