package usageform

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/zoneusage/zoneusage/internal/iccids"
	"github.com/zoneusage/zoneusage/jasperclient"
)

// A Continuation writes answers after the complete answers in a file.
type Continuation struct {
	// Part is the device whose answer the file holds in part; empty for none. It has to be asked about again, or its answer
	// is lost.
	Part jasperclient.ICCID

	file   *os.File
	header string
	end    int64 // where the complete answers end; 0 if not even the header is complete
	begun  bool
}

// Resume prepares to go on with a file, but does not change it yet. It adds the devices with complete answers to known.
func (f Form) Resume(file *os.File, known *iccids.Set) (*Continuation, error) {
	c := &Continuation{file: file, header: f.Header}
	if err := f.find(c, known); err != nil {
		return nil, fmt.Errorf("%s is not what an earlier call wrote, so it is left as it is; mend it, or give another name: %w", file.Name(), err)
	}
	return c, nil
}

// find finds the end of the complete answers, and the device of the part after it.
func (f Form) find(c *Continuation, known *iccids.Set) error {
	info, err := c.file.Stat()
	if err != nil {
		return err
	}
	header := make([]byte, min(int64(len(f.Header)), info.Size()))
	if _, err := io.ReadFull(c.file, header); err != nil {
		return err
	}
	if !strings.HasPrefix(f.Header, string(header)) {
		return fmt.Errorf("it does not begin with %s", strings.TrimSpace(f.Header))
	}
	if info.Size() == 0 || len(header) < len(f.Header) {
		return nil
	}
	begin := int64(len(header))
	end, err := f.held(c.file, info.Size()-begin, func(text string) error { return add(known, text) })
	if err != nil {
		return err
	}
	c.end = begin + end
	tail, err := io.ReadAll(io.NewSectionReader(c.file, c.end, info.Size()-c.end))
	if err != nil {
		return err
	}
	c.Part, err = f.part(string(tail))
	return err
}

func add(known *iccids.Set, text string) error {
	iccid, err := jasperclient.ParseICCID(text)
	if err != nil {
		return err
	}
	if !known.Add(iccid) {
		return fmt.Errorf("it holds the device %s twice", iccid)
	}
	return nil
}

// Write writes an answer. The first one replaces the part after the complete answers, where an earlier run may have been
// killed in the middle. So a run without any answer leaves the file as it is.
func (c *Continuation) Write(answer []byte) (int, error) {
	if !c.begun {
		if err := c.begin(); err != nil {
			return 0, err
		}
		c.begun = true
	}
	return c.file.Write(answer)
}

func (c *Continuation) begin() error {
	if err := c.file.Truncate(c.end); err != nil {
		return err
	}
	if _, err := c.file.Seek(c.end, io.SeekStart); err != nil || c.end > 0 {
		return err
	}
	_, err := c.file.WriteString(c.header)
	return err
}

// partOf returns the device of the answer that the tail begins. In every answer the ICCID is between these two texts.
func partOf(tail, before, after string) (jasperclient.ICCID, error) {
	n := min(len(tail), len(before))
	rest := strings.TrimLeft(tail[n:], "0123456789")
	digits := tail[n : len(tail)-len(rest)]
	m := min(len(rest), len(after))
	if tail[:n] != before[:n] || rest[:m] != after[:m] {
		return "", fmt.Errorf("it ends with %.40q", tail)
	}
	if rest == "" {
		return "", nil
	}
	return jasperclient.ParseICCID(digits)
}
