package usageform_test

import (
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/zoneusage/zoneusage/internal/iccids"
	"github.com/zoneusage/zoneusage/internal/usageform"
	"github.com/zoneusage/zoneusage/jasperclient"
)

// Wherever a file is cut off, going on with it makes it the whole one: no device is missing, none is in it twice. Until the first
// answer it stays as it is.
func TestAFileCutOffAnywhereIsGoneOnWith(t *testing.T) {
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			path, whole := filepath.Join(t.TempDir(), "usage"), write(t, form, answers()...)
			pieces := map[string]string{}
			for _, resp := range answers() {
				pieces[resp.GetIccid()] = strings.TrimPrefix(write(t, form, resp), form.Header)
			}
			for cut := range len(whole) + 1 {
				file, known := create(t, path, whole[:cut]), &iccids.Set{}
				rest, err := form.Resume(file, known)
				if err != nil {
					t.Fatalf("cut off at byte %d: %v", cut, err)
				}
				missing := slices.DeleteFunc(answers(), func(resp *response) bool { return !known.Add(jasperclient.ICCID(resp.GetIccid())) })
				if want := begun(whole[:cut], missing); string(rest.Part) != want {
					t.Fatalf("cut off at byte %d, it has a part of %q, want %q", cut, rest.Part, want)
				}
				if got := read(t, path); got != whole[:cut] {
					t.Fatalf("cut off at byte %d, it was changed before there was an answer:\n%s", cut, got)
				}
				for _, resp := range missing {
					if _, err := io.WriteString(rest, pieces[resp.GetIccid()]); err != nil {
						t.Fatal(err)
					}
				}
				if got := read(t, path); got != whole {
					t.Fatalf("cut off at byte %d, got\n%s\nwant\n%s", cut, got, whole)
				}
				file.Close()
			}
		})
	}
}

// A file that is empty, as a new one is, can be of any form, also of one that is not read back.
func TestANewFile(t *testing.T) {
	all := maps.Clone(forms)
	all["table"] = usageform.Table(usageform.Style{})
	for name, form := range all {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "usage")
			file := create(t, path, "")
			defer file.Close()
			rest, err := form.Resume(file, &iccids.Set{})
			if err != nil {
				t.Fatal(err)
			}
			whole := write(t, form, vendorExample())
			if _, err := io.WriteString(rest, strings.TrimPrefix(whole, form.Header)); err != nil {
				t.Fatal(err)
			}
			if got := read(t, path); got != whole {
				t.Errorf("got\n%s\nwant\n%s", got, whole)
			}
		})
	}
}

// begun is the device of which a text has a part: it is the first one missing, and more is there than its ICCID.
func begun(text string, missing []*response) string {
	if len(missing) > 0 {
		if iccid := missing[0].GetIccid(); strings.Contains(text, iccid+`"`) || strings.Contains(text, iccid+",") {
			return iccid
		}
	}
	return ""
}

func create(t *testing.T, path, content string) *os.File {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// What is not get's own is not touched.
func TestAnotherFileIsLeftAsItIs(t *testing.T) {
	device := write(t, usageform.JSON, vendorExample())
	row := strings.TrimPrefix(write(t, usageform.CSV, vendorExample()), usageform.CSV.Header)
	other := strings.TrimPrefix(write(t, usageform.CSV, answers()[1]), usageform.CSV.Header)
	documents := write(t, usageform.YAML, answers()[:2]...)
	for name, test := range map[string]struct {
		form    usageform.Form
		content string
		want    string
	}{
		"notes, as CSV":          {usageform.CSV, "buy milk", "it does not begin with iccid,"},
		"notes, as JSON":         {usageform.JSON, "buy milk", `it ends with "buy milk"`},
		"notes, as YAML":         {usageform.YAML, "buy milk", `it ends with "buy milk"`},
		"lines of notes":         {usageform.JSON, "buy milk\n", "line 1"},
		"YAML of something else": {usageform.YAML, "a: 1\n...\n", "it does not begin with an ICCID"},
		"an array":               {usageform.JSON, "[\n" + device, "line 1"},
		"no ICCID":               {usageform.JSON, "{}\n", "an ICCID is required"},
		"a device twice":         {usageform.JSON, device + device, "line 2: it holds the device 8988217755520000031 twice"},
		"a device apart":         {usageform.CSV, usageform.CSV.Header + row + other + row + other, "twice"},
		"rows are missing":       {usageform.CSV, usageform.CSV.Header + strings.SplitAfter(row, "\n")[0] + other, "only 1 rows of the device 8988217755520000031"},
		"a short row inside":     {usageform.CSV, usageform.CSV.Header + "8988217755520000031,1\n" + row, "wrong number of fields"},
		"JSON as CSV":            {usageform.CSV, device, "it does not begin with"},
		"CSV as YAML":            {usageform.YAML, usageform.CSV.Header + row, "it ends with"},

		"a document of something else":  {usageform.JSON, device + `{"iccid":"8988217755520000031","owner":"X"}`, `unknown field "owner"`},
		"a document with another field": {usageform.JSON, strings.TrimSuffix(device, "}\n") + `,"owner":"X"}`, `unknown field "owner"`},
		"a note behind JSON":            {usageform.JSON, device + `{"iccid":"89882", "x"`, "it ends with"},
		"YAML without its end":          {usageform.YAML, "---\niccid: \"8988217755520000031\"\nowner: X\n", "it ends with"},
		"YAML without any end":          {usageform.YAML, strings.ReplaceAll(documents, "...\n", ""), `a document has no "...\n" behind it`},
		"a note behind CSV":             {usageform.CSV, usageform.CSV.Header + row + "8988217755520000031,my own note", "it ends with"},
		"a line of notes behind CSV":    {usageform.CSV, usageform.CSV.Header + row + "8988217755520000031,2016\n", "wrong number of fields"},
		"no ICCID behind CSV":           {usageform.CSV, usageform.CSV.Header + row + "123,20", "an ICCID has 18 to 22 digits, but it has 3"},
		"a quote not closed":            {usageform.CSV, usageform.CSV.Header + strings.Replace(row, "Rate Plan B", `"Rate Plan B`, 1) + other, "is a quote not closed?"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "usage")
			file := create(t, path, test.content)
			defer file.Close()
			if _, err := test.form.Resume(file, &iccids.Set{}); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
			if got := read(t, path); got != test.content {
				t.Errorf("%s", got)
			}
		})
	}
}
