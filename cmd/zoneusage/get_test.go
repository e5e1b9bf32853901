package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/zoneusage/zoneusage/internal/certtest"
)

const (
	vendorDevice  = "8988217755520000031"
	unknownDevice = "8988217755520000099"
	zerosDevice   = "8999901000000000068"
)

// ask runs `zoneusage get` to its end.
func ask(t *testing.T, env []string, input string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := command(t.Context(), append([]string{"get"}, args...)...)
	cmd.Env = append(cmd.Env, env...)
	var out, err bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &err
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), err.String()
}

// serveAt starts a service whose sandbox stands still at the time of the vendor's example.
func serveAt(t *testing.T, args ...string) (addr string) {
	t.Helper()
	addr, _ = serveBothAt(t, args...)
	return addr
}

// serveBothAt does the same, and returns REST's address too.
func serveBothAt(t *testing.T, args ...string) (addr, httpURL string) {
	t.Helper()
	_, addr, httpURL = serve(t, []string{
		"ZONEUSAGE_CONTROL_CENTER_URL=" + startSandbox(t, nil, "--devices=100", "--clock", exampleClock),
		"ZONEUSAGE_USERNAME=sandbox", "ZONEUSAGE_API_KEY=sandbox",
	}, args...)
	return addr, httpURL
}

const exampleTable = `8988217755520000031
billing cycle 2016-10-31 10:30:00 UTC to 2016-11-30 10:29:59 UTC, as of 2016-11-10 05:31:17 UTC

RATE PLAN       ZONE                           DATA            VOICE MT                  VOICE MO            SMS MT  SMS MO
Rate Plan A, 1  default zone                      —                   —               600 s · 10m  ▏              —       —
Rate Plan B, 2  default zone  943,718 B · 921.6 KiB  ████████         —   943,718 s · 10d22h8m38s  ████████       —       —
Total                         943,718 B · 921.6 KiB                   —  944,318 s · 10d22h18m38s                 —       —
`

func TestGetPrintsTheVendorsExample(t *testing.T) {
	addr := serveAt(t)
	check := func(want string, args ...string) {
		t.Helper()
		code, got, stderr := ask(t, nil, "", append(args, "--addr", addr)...)
		if code != 0 || got != want || stderr != "" {
			t.Errorf("exit status %d, printed\n%s\nwant\n%s\nand said\n%s", code, got, want, stderr)
		}
	}
	check(exampleTable, vendorDevice)
	const header = "iccid,timestamp,cycle_start_time,cycle_end_time,rate_plan,rate_plan_version,zone," +
		"data_bytes,voice_mt_seconds,voice_mo_seconds,sms_mt_messages,sms_mo_messages,device_rows\n"
	const times = ",2016-11-10T05:31:17.557Z,2016-10-31T10:30:00Z,2016-11-30T10:29:59Z,"
	check(header+vendorDevice+times+"Rate Plan B,2,default zone,943718,,943718,,,1\n",
		vendorDevice, "--output=csv", "--rate-plan=Rate Plan B", "--zone=default zone", "--cycle-start-date=2016-11-10", "--max-age=0s")
	check(header+zerosDevice+times+"Rate Plan B,2,Zone A,,0,,,0,2\n"+zerosDevice+times+"Rate Plan B,2,default zone,0,,0,0,,2\n",
		zerosDevice, "--output=csv")

	code, got, stderr := ask(t, nil, "", vendorDevice, "--output=json", "--addr", addr)
	ignoreTimes := protocmp.IgnoreFields(vendorExample(), "timestamp", "billing_cycle")
	if diff := cmp.Diff(vendorExample(), parse(t, []byte(got)), protocmp.Transform(), ignoreTimes); code != 0 || diff != "" {
		t.Errorf("exit status %d, %s\n(-want +got)\n%s", code, stderr, diff)
	}
	code, got, stderr = ask(t, nil, "", vendorDevice, "--output=yaml", "--addr", addr)
	if code != 0 || !strings.HasPrefix(got, "---\niccid: \"8988217755520000031\"\ntimestamp: \"2016-11-10T05:31:17.557Z\"\n") || strings.Contains(got, "voiceMt") {
		t.Errorf("exit status %d, %s\n%s", code, stderr, got)
	}
}

// A line of JSON is what REST answers, to the byte.
func TestGetsJSONIsRESTs(t *testing.T) {
	addr, url := serveBothAt(t)
	for _, iccid := range []string{vendorDevice, zerosDevice, "8999901000000000050", "8999901000000000126"} {
		_, want := get(t, request(t, url+strings.Replace(usagePath, vendorDevice, iccid, 1)))
		if code, got, stderr := ask(t, nil, "", "--addr", addr, "--output=json", iccid); code != 0 || got != want {
			t.Errorf("exit status %d, printed\n%s\nwant\n%s\nand said\n%s", code, got, want, stderr)
		}
	}
}

// What fails is told in a line, and keeps nobody else from an answer.
func TestGetGoesOnAfterErrors(t *testing.T) {
	addr := serveAt(t)
	file := filepath.Join(t.TempDir(), "fleet.csv")
	if err := os.WriteFile(file, []byte("name,SIM\nMeter,"+vendorDevice+"\nNone,x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := ask(t, nil, "iccid\n"+vendorDevice+"\n"+zerosDevice+"F\n", "--addr", addr, "--output=json",
		"--file", file, unknownDevice, "-", "--column=SIM")
	const unknown = unknownDevice + ": DEVICE_NOT_FOUND: Control Center knows no device of this ICCID in the account\n"
	want := unknown + `standard input: its first row names no column "SIM", but ["iccid"]` + "\n" +
		file + ": line 3: an ICCID has digits only, but it has 'x'; give 18 to 22 digits\nzoneusage: error: 1 answered, 3 failed\n"
	if code != 1 || stderr != want || strings.Count(stdout, "\n") != 1 || !strings.HasPrefix(stdout, `{"iccid":"`+vendorDevice) {
		t.Errorf("exit status %d, printed\n%s\nand said\n%s\nwant\n%s", code, stdout, stderr, want)
	}
	code, stdout, stderr = ask(t, nil, "iccid\n"+unknownDevice+"\n"+zerosDevice+"F\n", "--addr", addr, "--output=json", vendorDevice, "-", zerosDevice)
	if code != 1 || stderr != unknown+"zoneusage: error: 2 answered, 1 failed, 1 not asked again\n" || strings.Count(stdout, "\n") != 2 {
		t.Errorf("exit status %d, printed\n%s\nand said\n%s", code, stdout, stderr)
	}
}

// A list without ICCIDs is a mistake; one whose devices are all known is not.
func TestGetOfNothing(t *testing.T) {
	addr := serveAt(t)
	header := writeFile(t, "iccid,name\n")
	out := filepath.Join(t.TempDir(), "usage")
	const none = "zoneusage: error: the list has no ICCIDs; write one a line, or name the --column of CSV that has them\n"
	for _, test := range []struct {
		input, want string
		args        []string
	}{
		{"# spare\n", none, []string{"-"}},
		{"", none, []string{"--column=iccid", "@" + header}},
		{"", "", []string{vendorDevice, "--out", out}},
		{"", "", []string{vendorDevice, "--out", out, "--resume"}},
		{"\n", none, []string{"-", "--out", out, "--resume"}},
	} {
		code, _, stderr := ask(t, nil, test.input, append(test.args, "--addr", addr, "--output=json")...)
		if stderr != test.want || (code == 0) != (test.want == "") {
			t.Errorf("%v: exit status %d, said\n%s", test.args, code, stderr)
		}
	}
}

func TestGetRefuses(t *testing.T) {
	f := newSecurityFiles(t)
	taken := filepath.Join(t.TempDir(), "usage.csv")
	if err := os.WriteFile(taken, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	token := []string{"ZONEUSAGE_TOKEN=token-of-the-test"}
	for name, test := range map[string]struct {
		env  []string
		args []string
		want string
	}{
		"no devices":                 {nil, nil, "name the devices: ICCIDs, @FILE, or - for standard input"},
		"no file's name":             {nil, []string{"@"}, "@ needs the name of a file"},
		"a day that is none":         {nil, []string{vendorDevice, "--cycle-start-date=2016-02-30"}, "--cycle-start-date: the calendar has no day 2016-02-30"},
		"a negative age":             {nil, []string{vendorDevice, "--max-age=-1s"}, "--max-age must not be negative"},
		"none at once":               {nil, []string{vendorDevice, "--parallel=0"}, "--parallel must be above 0"},
		"no time":                    {nil, []string{vendorDevice, "--timeout=0s"}, "--timeout must be above 0"},
		"negative retries":           {nil, []string{vendorDevice, "--retries=-1"}, "--retries must not be negative"},
		"no such form":               {nil, []string{vendorDevice, "--output=xml"}, "--output"},
		"nothing to go on with":      {nil, []string{vendorDevice, "--resume", "--output=csv"}, "name it with --out"},
		"a table to go on with":      {nil, []string{vendorDevice, "--resume", "--out", taken}, "cannot read a table back"},
		"a file that exists":         {nil, []string{vendorDevice, "--output=csv", "--out", taken}, "usage.csv exists; give another name, or --resume"},
		"a file of something else":   {nil, []string{vendorDevice, "--output=csv", "--resume", "--out", taken}, "is not what an earlier call wrote"},
		"no folder":                  {nil, []string{vendorDevice, "--out=nowhere/usage.csv"}, "--out: open nowhere/usage.csv"},
		"a token in the clear":       {token, []string{vendorDevice, "--addr=usage.internal:9090"}, "the token would go to usage.internal:9090 in the clear; give --tls"},
		"a token's file, too":        {nil, []string{vendorDevice, "--addr=192.0.2.1:9090", "--token-file", f.callers}, "in the clear"},
		"a token to a resolver":      {token, []string{vendorDevice, "--addr=dns:///127.0.0.1.usage.internal:9090"}, "in the clear"},
		"two tokens":                 {token, []string{vendorDevice, "--token-file", f.callers}, "keep one of them"},
		"no token's file":            {nil, []string{vendorDevice, "--token-file=nowhere"}, "--token-file: open nowhere"},
		"a token as a flag":          {nil, []string{vendorDevice, "--token=secret"}, "unknown flag --token"},
		"half a certificate":         {nil, []string{vendorDevice, "--cert", f.cert}, "--cert and --key belong together"},
		"a key that does not fit":    {nil, []string{vendorDevice, "--cert", f.cert, "--key", f.callers}, "--cert and --key: "},
		"roots that are nowhere":     {nil, []string{vendorDevice, "--ca-cert=nowhere"}, "--ca-cert: open nowhere"},
		"roots without certificates": {nil, []string{vendorDevice, "--ca-cert", f.callers}, "there is no certificate in"},
		"no service":                 {nil, []string{vendorDevice, unknownDevice, "--addr=127.0.0.1:1", "--retries=0"}, "no zoneusage answers at 127.0.0.1:1; does one serve there"},
		"a file's name without @":    {nil, []string{taken}, "; @" + taken + " reads the file of this name"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := ask(t, test.env, "", test.args...)
			if code == 0 || stdout != "" || !strings.Contains(stderr, test.want) || strings.Contains(stderr, "token-of-the-test") {
				t.Errorf("exit status %d, want another than 0 and %q in\n%s\nprinted\n%s", code, test.want, stderr, stdout)
			}
		})
	}
	if content, err := os.ReadFile(taken); err != nil || string(content) != "mine" {
		t.Errorf("%v %s", err, content)
	}
}

// A script can tell a command that is malformed from devices that have no answer.
func TestGetsExitStatus(t *testing.T) {
	addr := serveAt(t)
	for want, lines := range map[int][][]string{
		0: {{vendorDevice}},
		1: {{unknownDevice}, {vendorDevice, "--zone=Nowhere"}},
		2: {{}, {vendorDevice, "--nonsense"}, {vendorDevice, "--output=xml"}, {vendorDevice, "--cycle-start-date=yesterday"}},
	} {
		for _, args := range lines {
			if code, _, stderr := ask(t, nil, "", append(args, "--addr", addr)...); code != want {
				t.Errorf("%v: exit status %d, want %d\n%s", args, code, want, stderr)
			}
		}
	}
}

// The other commands have the same status for flags that do not fit.
func TestAMalformedCommandsExitStatus(t *testing.T) {
	for _, args := range [][]string{{"serve", "--default-timeout=0s"}, {"serve", "--nonsense"}, {"sandbox", "--calls-per-second=-1"}, {}} {
		cmd := command(t.Context(), args...)
		if said, _ := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 2 {
			t.Errorf("%v: %v\n%s", args, cmd.ProcessState, said)
		}
	}
}

// Of one device alone no others are spoken of, and what is wrong with a field is said once.
func TestGetSaysAnErrorOnce(t *testing.T) {
	addr := serveAt(t)
	for _, test := range []struct{ flag, want string }{
		{"--zone=Nowhere", "INVALID_ZONE: zone: Control Center knows no zone of this name; give its exact name"},
		{"--account=nobody", "ACCOUNT_UNKNOWN: account: "},
	} {
		_, _, stderr := ask(t, nil, "", vendorDevice, test.flag, "--addr", addr)
		lines := strings.SplitAfter(stderr, "\n")
		if len(lines) != 3 || !strings.HasPrefix(lines[0], vendorDevice+": "+test.want) || lines[1] != "zoneusage: error: 0 answered, 1 failed\n" {
			t.Errorf("%s: said\n%s", test.flag, stderr)
		}
	}
}

// A run that answers nothing leaves no file in the way of the next.
func TestGetLeavesNoEmptyFile(t *testing.T) {
	addr := serveAt(t)
	for _, output := range []string{"csv", "json", "yaml", "table"} {
		file := filepath.Join(t.TempDir(), "usage")
		args := []string{"--addr", addr, "--output=" + output, "--out", file}
		if code, _, stderr := ask(t, nil, "", append(args, unknownDevice)...); code != 1 {
			t.Errorf("exit status %d\n%s", code, stderr)
		}
		if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", output, err)
		}
		if code, _, stderr := ask(t, nil, "", append(args, vendorDevice)...); code != 0 {
			t.Errorf("%s: exit status %d\n%s", output, code, stderr)
		}
	}
}

// The service is asked with TLS, and with a token or a certificate; who is refused asks no further.
func TestGetSaysWhoCalls(t *testing.T) {
	f := newSecurityFiles(t)
	policy, err := os.ReadFile(f.callers)
	if err != nil {
		t.Fatal(err)
	}
	policy = bytes.Replace(policy, []byte("]}]"), []byte(`]}, {name: dashboard, certificate: dashboard.internal, accounts: ["*"]}]`), 1)
	if err := os.WriteFile(f.callers, policy, 0o600); err != nil {
		t.Fatal(err)
	}
	addr := serveAt(t, "--tls-cert", f.cert, "--tls-key", f.key, "--callers", f.callers, "--client-ca", f.ca.File)
	tokenFile := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(tokenFile, []byte("token-of-the-test\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cert, key := certtest.Write(t, t.TempDir(), f.ca.Issue(t, nil, "dashboard.internal"))
	const only = "0 answered, 1 failed: " // and no other device is asked about
	for name, test := range map[string]struct {
		env  []string
		args []string
		want string // empty: the answers
	}{
		"a variable":    {[]string{"ZONEUSAGE_TOKEN=token-of-the-test", "ZONEUSAGE_CA_CERT=" + f.ca.File}, nil, ""},
		"a file":        {nil, []string{"--ca-cert", f.ca.File, "--token-file", tokenFile}, ""},
		"a certificate": {nil, []string{"--ca-cert", f.ca.File, "--cert", cert, "--key", key}, ""},
		"no token":      {nil, []string{"--ca-cert", f.ca.File}, vendorDevice + ": CREDENTIALS_MISSING: "},
		"another token": {[]string{"ZONEUSAGE_TOKEN=another"}, []string{"--ca-cert", f.ca.File}, vendorDevice + ": CREDENTIALS_INVALID: "},
		"other roots":   {nil, []string{"--tls", "--token-file", tokenFile, "--retries=0"}, "certificate"},
		"in the clear":  {nil, []string{"--retries=0"}, "UNAVAILABLE"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := ask(t, test.env, "", append(test.args, "--addr", addr, "--output=json", "--parallel=1", vendorDevice, zerosDevice)...)
			if test.want == "" && (code != 0 || strings.Count(stdout, "\n") != 2) {
				t.Errorf("exit status %d, printed\n%s\nand said\n%s", code, stdout, stderr)
			}
			if test.want != "" && (code != 1 || stdout != "" || !strings.Contains(stderr, test.want) || !strings.Contains(stderr, only)) {
				t.Errorf("exit status %d, printed\n%s\nand said\n%s\nwant %q", code, stdout, stderr, test.want)
			}
		})
	}
}

// Who is told that there is no place to wait asks again later, until everything is answered.
func TestGetWaitsWhereTheServiceIsFull(t *testing.T) {
	addr := serveAt(t, "--max-waiting=1", "--calls-per-second=20", "--calls-in-flight=1")
	code, stdout, stderr := ask(t, nil, "", "--addr", addr, "--output=json", "@"+fleetFile(t, 30))
	if code != 0 || stderr != "" || strings.Count(stdout, "\n") != 30 {
		t.Errorf("exit status %d, %d answers, said\n%s", code, strings.Count(stdout, "\n"), stderr)
	}
}

// Nobody else writes to its file meanwhile. Ctrl-C ends it, what is written is whole, and --resume asks for the rest alone.
func TestGetIsInterrupted(t *testing.T) {
	addr := serveAt(t)
	file := filepath.Join(t.TempDir(), "usage.jsonl")
	cmd := command(t.Context(), "get", "--addr", addr, "--output=json", "--out", file, "-")
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	if _, err := io.WriteString(input, vendorDevice+"\n"); err != nil { // and it waits for more
		t.Fatal(err)
	}
	waitForSize(t, file, 1, ended)
	code, _, said := ask(t, nil, "", "--addr", addr, "--output=json", "--out", file, "--resume", zerosDevice)
	if code != 1 || !strings.Contains(said, "usage.jsonl: another zoneusage writes to it; wait until that has ended") {
		t.Errorf("exit status %d, said\n%s", code, said)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if cmd.ProcessState.ExitCode() != 130 || stderr.String() != "zoneusage: error: 1 answered, 0 failed: interrupt signal received\n" {
		t.Errorf("%v, said\n%s", cmd.ProcessState, &stderr)
	}
	code, _, said = ask(t, nil, "", "--addr", addr, "--output=json", "--out", file, "--resume", vendorDevice, zerosDevice)
	content, err := os.ReadFile(file)
	if err != nil || code != 0 || said != "" {
		t.Fatalf("exit status %d, %v, said\n%s", code, err, said)
	}
	for i, iccid := range []string{vendorDevice, zerosDevice} {
		if got := parse(t, bytes.Split(content, []byte("\n"))[i]); got.GetIccid() != iccid {
			t.Errorf("%v, want %s", got, iccid)
		}
	}
}

// Who closes the pipe, as head does, ends it without a word.
func TestGetEndsWithItsReader(t *testing.T) {
	addr := serveAt(t)
	cmd := command(t.Context(), "get", "--addr", addr, "--output=json", "@"+fleetFile(t, 100))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	printed, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReaderSize(printed, 16).ReadString('\n'); err != nil || !strings.HasPrefix(line, "{") {
		t.Errorf("%q, %v", line, err)
	}
	printed.Close()
	_ = cmd.Wait()
	if state := cmd.ProcessState.Sys().(syscall.WaitStatus); state.Signal() != syscall.SIGPIPE || stderr.Len() > 0 {
		t.Errorf("%v, said\n%s", cmd.ProcessState, &stderr)
	}
}

// A terminal's table is as wide as the terminal, and has no colors where nobody wants any.
func TestGetInATerminal(t *testing.T) {
	addr := serveAt(t)
	for name, test := range map[string]struct {
		columns uint16
		env     []string
		want    string
	}{
		"wide":   {130, []string{"TERM=xterm", "NO_COLOR=1"}, exampleTable},
		"narrow": {40, []string{"TERM=xterm", "NO_COLOR=1"}, "Rate Plan A, 1 · default zone\n  DATA      —\n"},
		"colors": {130, []string{"TERM=xterm", "NO_COLOR="}, "\x1b[1m8988217755520000031\x1b[0m\n"},
		"dumb":   {130, []string{"TERM=dumb", "NO_COLOR="}, exampleTable},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := command(t.Context(), "get", "--addr", addr, vendorDevice)
			cmd.Env = append(cmd.Env, test.env...)
			terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: test.columns})
			if err != nil {
				t.Fatal(err)
			}
			defer terminal.Close()
			shown, err := io.ReadAll(terminal)
			if err != nil && !errors.Is(err, syscall.EIO) {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
			text := strings.ReplaceAll(string(shown), "\r\n", "\n")
			if !strings.Contains(text, test.want) || strings.Contains(text, "\x1b") != strings.Contains(test.want, "\x1b") {
				t.Errorf("got\n%q\nwant\n%q", text, test.want)
			}
		})
	}
}
