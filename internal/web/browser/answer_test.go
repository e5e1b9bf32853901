package browser

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
)

const vendorExample = "8988217755520000031"

var desktop = looks[0]

// The vendor's example is seen in numbers, and its bars are as long as their numbers say.
func TestVendorExample(t *testing.T) {
	p := open(t, serve(t), desktop)
	p.load("?iccid=" + vendorExample)
	p.see(".charts")
	p.shows(".answer-head", vendorExample, "live", "invented numbers", "account sandbox", "answered just now", "Request ")
	p.shows(".cycle", "Today, ", "Day ", ":30:00 UTC", ":29:59 UTC")
	p.shows(".totals", "≈ 921.6 KiB", "943,718 bytes", "10 d 22 h 18 min 38 s", "944,318 seconds", "not reported")
	p.shows(".flush table", "Rate Plan A", "version 1", "Rate Plan B", "version 2", "default zone", "943,718", "600", "not reported")
	bars := eval[[]string](p, `[...document.querySelectorAll('.charts .value')].map((bar) => bar.getAttribute('width'))`)
	if want := []string{"100%", "0.6%", "100%"}; !slices.Equal(bars, want) {
		t.Errorf("the bars are %v long, want %v: data, and 600 and 943718 s of voice", bars, want)
	}
	p.shows(".note", "SMS: not reported in any zone")
	p.shows("#said", "Data: 943,718 bytes", "Voice from the device: 944,318 seconds")
	if text := p.text("main"); strings.Contains(text, "NaN") || strings.Contains(text, "undefined") {
		t.Errorf("a value is missing:\n%s", text)
	}
}

// No digit of an int64 is lost.
func TestLargeNumbers(t *testing.T) {
	p := open(t, serve(t), desktop)
	p.load("?iccid=8999901000000000076")
	p.see(".charts")
	p.shows(".totals", "9,223,372,036,854,775,807 bytes", "≈ 8.0 EiB", "104,249,991,374 d 7 h 36 min 33 s", "9,007,199,254,740,993 seconds", "2,147,483,649 messages")
	p.shows(".flush table", "9,223,372,036,854,775,807", "9,007,199,254,740,993", "2,147,483,649")
	exact := eval[[]string](p, `[...document.querySelectorAll('tfoot data')].map((data) => data.value)`)
	if want := []string{"9223372036854775807", "9007199254740993", "2147483649"}; !slices.Equal(exact, want) {
		t.Errorf("the totals are %v, want %v", exact, want)
	}
}

// The greatest amount of every kind has room on every screen, and is broken nowhere but between a unit and a number.
func TestGreatestNumbers(t *testing.T) {
	for _, l := range []look{{1440, false}, {800, false}, {360, false}} {
		t.Run(l.String(), func(t *testing.T) {
			p := open(t, serve(t), l)
			p.load("?iccid=" + vendorExample)
			p.see(".charts")
			eval[string](p, `(() => {
				const { fetch } = window;
				const most = { dataBytes: '', voiceMtSeconds: '', voiceMoSeconds: '', smsMtMessages: '', smsMoMessages: '' };
				for (const kind of Object.keys(most)) most[kind] = '9223372036854775807';
				window.fetch = async (...question) => {
					const answer = await (await fetch(...question)).json();
					answer.total = most;
					for (const plan of answer.ratePlanUsages) {
						plan.total = most;
						for (const zone of plan.zoneUsages) zone.usage = most;
					}
					return new Response(JSON.stringify(answer));
				};
				return '';
			})()`)
			p.click("#question button")
			p.until("document.querySelectorAll('.totals .big').length === 5")
			p.shows(".totals", "106,751,991,167,300 d 15 h 30 min 7 s", "9,223,372,036,854,775,807 messages")
			p.check("greatest-" + l.String())
			for _, part := range []string{".totals > div", ".bar-line", ".bar-line > *", ".flush td"} {
				over := eval[[]string](p, fmt.Sprintf(`[...document.querySelectorAll(%q)].filter((e) => e.scrollWidth > e.clientWidth).map((e) => e.innerText)`, part))
				if len(over) > 0 {
					t.Errorf("%s is too narrow for %q", part, over)
				}
			}
		})
	}
}

// 0 is seen as 0, and what was not reported as that.
func TestZerosBesideNulls(t *testing.T) {
	p := open(t, serve(t), desktop)
	p.load("?iccid=8999901000000000068")
	p.see(".charts")
	cells := eval[[]string](p, `[...document.querySelectorAll('tbody:first-of-type tr:first-child td')].map((cell) => cell.querySelector('data')?.value ?? cell.innerText)`)
	if want := []string{"not reported", "0", "not reported", "not reported", "0"}; !slices.Equal(cells, want) {
		t.Errorf("Zone A has %q, want %q", cells, want)
	}
	p.shows(".totals", "0 B", "0 s", "0 messages")
}

// Names are text, whatever is in them.
func TestNamesAreText(t *testing.T) {
	p := open(t, serve(t), desktop)
	p.load("?iccid=8999901000000000035")
	p.see(".charts")
	p.shows(".charts", `50% + "roaming" / <other>`, `Fleet, Car & Truck + 50% / "Gold", version 1`)
	p.shows(".flush table", `50% + "roaming" / <other>`, `Fleet, Car & Truck + 50% / "Gold"`)
	if eval[bool](p, "document.querySelector('other') !== null") {
		t.Error("a name has become an element")
	}
	name := `<img src=x onerror="document.title='run'"> it's`
	p.load("?" + url.Values{"iccid": {vendorExample}, "zone": {name}}.Encode())
	p.see(".failure")
	p.shows(".failure", "No such zone", "INVALID_ZONE", "10000031")
	if title := eval[string](p, "document.title"); title != vendorExample+" · zoneusage" {
		t.Errorf("the title is %q", title)
	}
}

// Amounts stand in the contract's order wherever there are several.
func TestOrder(t *testing.T) {
	p := open(t, serve(t), desktop)
	p.load("?iccid=8999901000000000019")
	p.see(".charts")
	p.click("#earlier-title + button")
	p.see(".compared table")
	for selector, want := range map[string][]string{
		".totals dt":                  {"Data", "Voice to the device", "Voice from the device", "SMS to the device", "SMS from the device"},
		".flush thead th.number":      {"Data bytes", "Voice MT seconds", "Voice MO seconds", "SMS MT messages", "SMS MO messages"},
		".compared thead th.number":   {"Data bytes", "Voice MT seconds", "Voice MO seconds", "SMS MT messages", "SMS MO messages"},
		".chart .zone-name + * .mark": {"MT", "MT", "MT", "MT"},
		".chart figcaption":           {"Data", "Voice MT to, MO from the device", "SMS MT to, MO from the device"},
	} {
		got := eval[[]string](p, fmt.Sprintf(`[...document.querySelectorAll(%q)].map((e) => e.innerText.replace(/\s+/g, ' '))`, selector))
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", selector, got, want)
		}
	}
}

// A zone that was asked for is in the calls to copy, quoted for a shell.
func TestCalls(t *testing.T) {
	p := open(t, serve(t), desktop)
	p.load("?" + url.Values{"iccid": {vendorExample}, "ratePlan": {"Rate Plan B"}, "zone": {"default zone"}}.Encode())
	p.see(".charts")
	p.shows(".call:nth-of-type(2)", "curl '"+p.origin+"/v1/devices/"+vendorExample+"/usageInZone?ratePlan=Rate%20Plan%20B&zone=default%20zone'")
	p.shows(".call:nth-of-type(3)", `'{"iccid":"`+vendorExample+`","rate_plan":"Rate Plan B","zone":"default zone"}'`)
	p.shows(".filters", "ratePlan: Rate Plan B", "zone: default zone")
}

// The command to copy asks the same question, whatever the names are.
func TestCommand(t *testing.T) {
	origin, grpcAddr := serveBoth(t)
	_, port, err := net.SplitHostPort(grpcAddr)
	if err != nil {
		t.Fatal(err)
	}
	const names = "8999901000000000035"
	for _, question := range []url.Values{
		{"iccid": {vendorExample}},
		{"iccid": {" " + vendorExample + "F "}, "cycleStartDate": {time.Now().AddDate(0, -1, 0).Format(time.DateOnly)}, "account": {"sandbox"}, "maxAge": {"0s"}},
		{"iccid": {names}, "ratePlan": {`Fleet, Car & Truck + 50% / "Gold"`}, "zone": {`50% + "roaming" / <other>`}},
		{"iccid": {names}, "rate_plan": {"M2M, 2, 3"}, "zone": {"a+b=c;d"}},
	} {
		p := open(t, origin, desktop)
		p.load("?" + question.Encode())
		p.see(".charts")
		// The service knows its port of gRPC only once it listens, and then has made the page.
		command := strings.ReplaceAll(p.text(".call:nth-of-type(1) code"), "GRPC_PORT", port) + " --output=csv"
		shell := exec.Command("sh", "-c", command)
		shell.Env = []string{"PATH=" + filepath.Dir(binary)}
		output, err := shell.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", command, err, output)
			continue
		}
		got, err := csv.NewReader(bytes.NewReader(output)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		iccid := strings.Trim(question.Get("iccid"), " F")
		question.Del("iccid")
		want := wantCSV(t, get(t, origin+"/v1/devices/"+iccid+"/usageInZone?"+question.Encode()))
		for _, rows := range [][][]string{got, want} {
			for _, row := range rows {
				row[1] = "" // when it was answered
			}
		}
		if !slices.EqualFunc(got, want, slices.Equal) {
			t.Errorf("%s answers\n%q, want\n%q", command, got, want)
		}
	}
}

// The file has what the service answers, value by value, and nothing where nothing was reported.
func TestCSV(t *testing.T) {
	for _, iccid := range []string{vendorExample, "8999901000000000035", "8999901000000000043", "8999901000000000076", "8999901000000000068", "8999901000000000126"} {
		t.Run(iccid, func(t *testing.T) {
			p := open(t, serve(t), desktop)
			dir := t.TempDir()
			p.load("?iccid=" + iccid)
			p.see(".actions")
			behavior := cdpbrowser.SetDownloadBehaviorParams{Behavior: "allow", DownloadPath: dir}
			behavior.BrowserContextID = chromedp.FromContext(p.ctx).BrowserContextID
			if _, err := chromedp.CallBrowser(p.ctx, cdpbrowser.SetDownloadBehavior, behavior); err != nil {
				t.Fatal(err)
			}
			p.click(".actions button")
			records, err := csv.NewReader(strings.NewReader(p.downloaded(dir))).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			want := wantCSV(t, get(t, p.origin+"/v1/devices/"+iccid+"/usageInZone"))
			if !slices.EqualFunc(records, want, slices.Equal) {
				t.Errorf("the file has\n%q, want\n%q", records, want)
			}
		})
	}
}

// downloaded waits for the file in a folder, and reads it.
func (p *tab) downloaded(dir string) string {
	p.Helper()
	for p.ctx.Err() == nil {
		if files, _ := filepath.Glob(filepath.Join(dir, "*.csv")); len(files) == 1 {
			if content, err := os.ReadFile(files[0]); err == nil && len(content) > 0 {
				return string(content)
			}
		}
		eval[int](p, "new Promise((resolve) => requestAnimationFrame(() => resolve(0)))")
	}
	p.Fatal("no file was saved")
	return ""
}

// wantCSV is an answer as a table, made without the page.
func wantCSV(t *testing.T, answer []byte) [][]string {
	t.Helper()
	var a struct {
		ICCID, Timestamp string
		BillingCycle     struct{ StartTime, EndTime string }
		RatePlanUsages   []struct {
			RatePlan        string
			RatePlanVersion json.Number
			ZoneUsages      []struct {
				Zone  string
				Usage struct{ DataBytes, VoiceMtSeconds, VoiceMoSeconds, SmsMtMessages, SmsMoMessages string }
			}
		}
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		t.Fatal(err)
	}
	want := [][]string{strings.Split("iccid,timestamp,cycle_start_time,cycle_end_time,rate_plan,rate_plan_version,zone,"+
		"data_bytes,voice_mt_seconds,voice_mo_seconds,sms_mt_messages,sms_mo_messages,device_rows", ",")}
	for _, plan := range a.RatePlanUsages {
		row := []string{a.ICCID, a.Timestamp, a.BillingCycle.StartTime, a.BillingCycle.EndTime, plan.RatePlan, plan.RatePlanVersion.String()}
		if len(plan.ZoneUsages) == 0 {
			want = append(want, append(row, "", "", "", "", "", ""))
		}
		for _, zone := range plan.ZoneUsages {
			u := zone.Usage
			want = append(want, append(slices.Clone(row), zone.Zone, u.DataBytes, u.VoiceMtSeconds, u.VoiceMoSeconds, u.SmsMtMessages, u.SmsMoMessages))
		}
	}
	for i := range want[1:] {
		want[i+1] = append(want[i+1], strconv.Itoa(len(want)-1))
	}
	return want
}

// The two cycles before are asked for when somebody wants them, one after the other, and never more.
func TestEarlierCycles(t *testing.T) {
	p := open(t, serve(t), desktop)
	p.load("?iccid=8999901000000000084")
	p.see(".charts")
	if asked := p.questions(); len(asked) != 1 {
		t.Fatalf("before anybody wants to compare, %v are asked", asked)
	}
	p.click("#earlier-title + button")
	p.see(".compared table")
	cells := eval[[]string](p, `[...document.querySelectorAll('.compared data')].map((data) => data.value)`)
	if want := []string{"3000", "2000", "1000"}; !slices.Equal(cells, want) {
		t.Errorf("the cycles are %v, want %v", cells, want)
	}
	if asked := p.questions(); len(asked) != 3 {
		t.Errorf("%v are asked, want 3 questions", asked)
	}
	// Each earlier one is a link; of the last, there are no two before.
	p.click(".compared tr:last-child a")
	p.until("document.querySelector('.totals')?.innerText.includes('1,000 bytes')")
	p.click("#earlier-title + button")
	p.until("document.querySelector('.compared')?.innerText.includes('Control Center keeps no cycle before')")
	p.shows(".cycle", "Ended")
	// That is the earliest day that the service takes, which is not the day on which the cycle begins in UTC.
	earliest := eval[string](p, `fetch('/v1/devices/8999901000000000084/usageInZone?cycleStartDate=2000-01-01').then((reply) => reply.json()).then((status) =>
		new Date(status.details[0].metadata.earliest_date).toLocaleDateString('en-GB', { timeZone: 'UTC', day: 'numeric', month: 'short', year: 'numeric' }))`)
	p.shows(".compared", "Control Center keeps no cycle before "+earliest+", by the account’s own time zone.")
}
