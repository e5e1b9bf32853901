package iccids_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/zoneusage/zoneusage/internal/iccids"
	"github.com/zoneusage/zoneusage/jasperclient"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	first  = "8988217755520000031"
	second = "8999901000000000019"
	third  = "89999010000000000109"
	fourth = "8999901000000000027"
)

// read gives a list's entries as text, an error as its own.
func read(list iccids.List) (all []string) {
	for entry := range list.All() {
		if entry.Err != nil {
			all = append(all, entry.Err.Error())
		} else {
			all = append(all, string(entry.ICCID))
		}
	}
	return all
}

func TestLists(t *testing.T) {
	const digits = "; give 18 to 22 digits"
	for name, test := range map[string]struct {
		column, content string
		want            []string
	}{
		"a line each":           {"", first + "\n" + second + "\n", []string{first, second}},
		"no line feed":          {"", first + "\n" + second, []string{first, second}},
		"Windows":               {"", "\ufeffICCID\r\n" + first + "\r\n\r\n" + second + "\r\n", []string{first, second}},
		"quotes, spaces, an F":  {"", `"iccid"` + "\n" + ` "` + first + `" ` + "\n" + second + "F", []string{first, second}},
		"comments":              {"", "# spare\n" + first + "\n#" + second, []string{first}},
		"nothing":               {"", "", nil},
		"bad lines":             {"", first + "\nx\n\n123\n" + second, []string{first, "LIST: line 2: an ICCID has digits only, but it has 'x'" + digits, "LIST: line 4: an ICCID has 18 to 22 digits, but it has 3", second}},
		"a header further down": {"", first + "\niccid", []string{first, "LIST: line 2: an ICCID has digits only, but it has 'i'" + digits}},
		"CSV unannounced":       {"", first + ",on\n", []string{"LIST: line 1: it has several values; write one ICCID a line, or name the column of CSV"}},
		"a line too long":       {"", first + "\n" + strings.Repeat("8", 10_000) + "\n" + second, []string{first, "LIST: line 2: it is longer than 4096 bytes; write one ICCID a line", second}},
		"the last too long":     {"", first + "\n" + strings.Repeat("8", 4096), []string{first, "LIST: line 2: it is longer than 4096 bytes; write one ICCID a line"}},

		"a column":          {"iccid", "name,ICCID,state\nMeter," + first + ",on\n\"a, b\n\"\"c\"\"\"," + second + ",off\n", []string{first, second}},
		"semicolons":        {"SIM", "\ufeffname;sim\r\nMeter;" + first + "\r\n", []string{first}},
		"tabs":              {"sim", "name\tsim\nMeter, small\t" + first + "\n", []string{first}},
		"quoted titles":     {"iccid", "\"Name, first\";\"ICC\nID, too\";\"ICCID\"\nMeter;;" + first + "\n", []string{first}},
		"two of the name":   {"iccid", "ICCID,name,iccid \n" + first + ",Meter," + second, []string{`LIST: its first row names two columns "iccid", number 1 and 3; rename one`}},
		"one column alone":  {"iccid", "iccid\n" + first, []string{first}},
		"no such column":    {"sim", "name,iccid\nMeter," + first, []string{`LIST: its first row names no column "sim", but ["name" "iccid"]`}},
		"no row at all":     {"sim", "", []string{"LIST: its first row, which names the columns, cannot be read: EOF"}},
		"bad rows":          {"iccid", "name,iccid\nMeter\n,x\n" + "a\"b," + first + "\nMeter," + second, []string{"LIST: line 2: it ends before the column of ICCIDs", "LIST: line 3: an ICCID has digits only, but it has 'x'" + digits, `LIST: line 4: bare " in non-quoted-field`, second}},
		"an empty cell":     {"iccid", "name,iccid\nMeter,\n", []string{"LIST: line 2: an ICCID is required: 18 to 22 digits"}},
		"a spreadsheet's E": {"iccid", "iccid,name\n8.98822E+18,Meter\n", []string{"LIST: line 2: an ICCID has digits only, but it has '.'" + digits}},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "list")
			if err := os.WriteFile(file, []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
			for place, list := range map[string]iccids.List{
				file:             {Sources: []string{"@" + file}},
				"standard input": {Sources: []string{"-"}, Stdin: iotest.OneByteReader(strings.NewReader(test.content))},
			} {
				list.Column = test.column
				var want []string
				for _, line := range test.want {
					want = append(want, strings.ReplaceAll(line, "LIST", place))
				}
				if diff := cmp.Diff(want, read(list)); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
			}
		})
	}
}

// The first one and the sources come in their order, each ICCID once, and what one of them lacks does not end the others.
func TestUnknown(t *testing.T) {
	file := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(file, []byte(first+"\n"+third+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	known := &iccids.Set{}
	known.Add(third)
	list := iccids.List{First: fourth, Sources: []string{second, "@nowhere", first + "F", "@" + file, fourth, "x"}}
	if n, ok := list.Count(); n != 8 || !ok {
		t.Errorf("%d entries, %v", n, ok)
	}
	var got []string
	for entry := range list.MarkDuplicates(known) {
		got = append(got, fmt.Sprintf("%s %v", entry.ICCID, entry.Err))
	}
	want := []string{
		fourth + " <nil>", second + " <nil>", " open nowhere: no such file or directory", first + " <nil>",
		first + " " + iccids.ErrDuplicate.Error(), third + " " + iccids.ErrDuplicate.Error(), fourth + " " + iccids.ErrDuplicate.Error(),
		" argument 6: an ICCID has digits only, but it has 'x'; give 18 to 22 digits",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for entry := range list.All() { // that it can be left
		if entry.ICCID != fourth {
			t.Errorf("%v", entry)
		}
		break
	}
}

func TestAStreamIsNotCounted(t *testing.T) {
	if n, ok := (iccids.List{Sources: []string{first, "-"}}).Count(); ok {
		t.Errorf("%d entries", n)
	}
	if n, ok := (iccids.List{Sources: []string{"@" + os.DevNull}}).Count(); ok {
		t.Errorf("%d entries", n)
	}
}

func TestReads(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "list"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		list iccids.List
		want bool
	}{
		"by its name":       {iccids.List{Sources: []string{first, "@" + file.Name()}}, true},
		"as standard input": {iccids.List{Sources: []string{"-"}, Stdin: file}, true},
		"without being one": {iccids.List{Sources: []string{first, "@nowhere", "@" + os.DevNull}, Stdin: file}, false},
		"from elsewhere":    {iccids.List{Sources: []string{"-"}, Stdin: strings.NewReader("")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.list.Reads(info); got != test.want {
				t.Errorf("%v", got)
			}
		})
	}
}

func TestAReadThatFails(t *testing.T) {
	for column, want := range map[string]string{"": "standard input: line 3: broken", "iccid": "standard input: broken"} {
		broken := io.MultiReader(strings.NewReader("iccid\n"+first+"\n"), iotest.ErrReader(errors.New("broken")))
		got := read(iccids.List{Sources: []string{"-", second}, Column: column, Stdin: broken})
		if diff := cmp.Diff([]string{first, want, second}, got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
}

// A Set tells ICCIDs apart that are numbers of the same value.
func TestSet(t *testing.T) {
	var set iccids.Set
	all := []jasperclient.ICCID{
		"000000000000000000", "0000000000000000000", "00000000000000000000", "000000000000000000000", "0000000000000000000000",
		"9999999999999999999999", "999999999999999999999", "9999999999999999999998", "8999999999999999999999",
	}
	for i, iccid := range all {
		if !set.Add(iccid) || set.Add(iccid) || set.Len() != i+1 {
			t.Errorf("%s: %d", iccid, set.Len())
		}
	}
}
