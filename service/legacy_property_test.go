package service_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/zoneusage/zoneusage/internal/callers"
	"github.com/zoneusage/zoneusage/jasperclient"
	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
	"github.com/zoneusage/zoneusage/service"
)

// A legacyQuestion is a request as a client of Control Center could send it.
type legacyQuestion struct {
	method, target string
	authorization  []string
}

// A legacyReply is what such a client looks at.
type legacyReply struct {
	Status int
	Length int64 // -1 where it is not told
	Header http.Header
	Body   string
}

// legacyHeader are the headers by which Control Center's answers can be told apart.
var legacyHeader = []string{"Content-Type", "Content-Length", "Content-Encoding", "WWW-Authenticate", "Allow", "Location"}

// ask sends the question to a server.
func (q legacyQuestion) ask(client *http.Client, baseURL string) (legacyReply, error) {
	req, err := http.NewRequest(q.method, baseURL+q.target, nil)
	if err != nil {
		return legacyReply{}, err
	}
	if q.authorization != nil {
		req.Header["Authorization"] = q.authorization
	}
	resp, err := client.Do(req)
	if err != nil {
		return legacyReply{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	got := legacyReply{resp.StatusCode, resp.ContentLength, http.Header{}, string(body)}
	for _, name := range legacyHeader {
		if values := resp.Header.Values(name); len(values) > 0 {
			got.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	return got, err
}

// newLegacyRig is a rig with a door for existing clients, whose only caller has the name and the key of the sandbox's account.
func newLegacyRig(t *testing.T, upstream http.Handler) *rig {
	t.Helper()
	guard := newPolicy(t, fmt.Sprintf("callers: [{name: user, tokenSHA256: %s, accounts: [test]}]", sha(apiKey)))
	return newRig(t, upstream, legacy, func(cfg *service.Config) { cfg.Callers = guard })
}

// newPolicy is a guard with a policy of static tokens.
func newPolicy(t *testing.T, content string) *callers.Guard {
	t.Helper()
	file := filepath.Join(t.TempDir(), "callers.yaml")
	writeFile(t, file, content)
	guard, err := callers.New(callers.Settings{File: file})
	if err != nil {
		t.Fatal(err)
	}
	return guard
}

func legacy(cfg *service.Config) { cfg.LegacyDoor = true }

func basic(name, key string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+key))
}

const legacyPath = "/rws/api/v1/devices/" + exampleICCID + "/usageInZone"

// The names of the sandbox's fleet, and some that it does not have.
var (
	ratePlanNames = []string{
		"Rate Plan A", "Rate Plan B", "Prepaid 100MB", "Fleet, Car & Truck + 50% / \"Gold\"", "M2M, 2, 3", "物联网套餐, 100兆", "Voyage 🚗 été",
		"Backhaul Unlimited", "Starter 10MB", "Standard 500MB", "620WLW005721_MON-FLEX_300M_SP", "key, with, commas", "Meter", "Vehicle", "Alarm",
		"rate plan a", "No Such Plan", "Rate Plan A, 1", " ", "\u2028", "<&>", "\xff", "\uFFFD",
	}
	zoneNames = []string{
		"default zone", "Zone A", "Zone B", "EU, EEA & CH", "50% + \"roaming\" / <other>", "a+b=c;d", "中国大陆", "🌍 monde",
		"620WLW005721_xz01gz_zone1", "Home", "Neighbours", "Rest of World",
		"zone b", "No Such Zone", "\x00", "\xc3",
	}
)

// seldom is one of some values instead of the usual one.
func seldom(t *rapid.T, label, usual string, others ...string) string {
	if rapid.IntRange(0, 9).Draw(t, label+" is the usual one") > 0 {
		return usual
	}
	return rapid.SampledFrom(others).Draw(t, label)
}

// name is one of names, and as often as not one of the first few: those that most devices have.
func name(t *rapid.T, label string, names []string) string {
	most := len(names) - 1
	if rapid.Bool().Draw(t, "a common "+label) {
		most = 2
	}
	return names[rapid.IntRange(0, most).Draw(t, label)]
}

// escaped is a value in a query, in one of the two forms that a space has.
func escaped(t *rapid.T, value string) string {
	if rapid.Bool().Draw(t, "plus") {
		return url.QueryEscape(value)
	}
	return strings.ReplaceAll(url.QueryEscape(value), "+", "%20")
}

// dateText is a day and how it is spelled, which need not be a way that Control Center takes.
func dateText(t *rapid.T) string {
	if rapid.IntRange(0, 7).Draw(t, "no day") == 0 {
		return rapid.SampledFrom([]string{"", "today", "2016-13-01Z", "2016-02-30Z", "2016-1-1Z", "16-11-10Z", "0000-01-01Z", "9999-12-31Z",
			"2016-11-10T00:00:00Z", "2016-11-10z", "Z", "+00:00", "2016-11-10ZZ", "２０１６-11-10Z"}).Draw(t, "date")
	}
	day := exampleTime.AddDate(0, 0, rapid.IntRange(-100, 40).Draw(t, "days from now")).Format(time.DateOnly)
	return day + seldom(t, "offset", rapid.SampledFrom([]string{"Z", "%2B00:00"}).Draw(t, "spelling"),
		"", "+00:00", "-00:00", "%2B08:00", "%2B0000", " Z", "%20Z", "UTC")
}

// isDate reports whether a text in a query is a day as Control Center takes it.
func isDate(text string) bool {
	_, err := jasperclient.ParseDate(strings.ReplaceAll(text, "%2B", "+"))
	return err == nil && (strings.HasSuffix(text, "Z") || strings.HasSuffix(text, "%2B00:00"))
}

// legacyParameters are those of a query; some requests have ones that Control Center does not take.
func legacyParameters(t *rapid.T, wellFormed bool) string {
	var all []string
	if rapid.Bool().Draw(t, "with a date") {
		if date := dateText(t); !wellFormed || isDate(date) {
			all = append(all, "cycleStartDate="+strings.ReplaceAll(date, " ", "+"))
		}
	}
	if rapid.Bool().Draw(t, "with a rate plan") {
		all = append(all, "ratePlan="+escaped(t, name(t, "rate plan", ratePlanNames)))
	}
	if rapid.Bool().Draw(t, "with a zone") {
		all = append(all, "zone="+escaped(t, name(t, "zone", zoneNames)))
	}
	if rapid.IntRange(0, 9).Draw(t, "another parameter") == 0 {
		all = append(all, "accountId=")
	}
	if !wellFormed && rapid.IntRange(0, 9).Draw(t, "a bad parameter") == 0 {
		all = append(all, rapid.SampledFrom([]string{"maxAge=0s", "account=test", "accountId=5", "RatePlan=Rate%20Plan%20A", "cycle_start_date=2016-11-10Z",
			"x", "=", "%zz", "zone=%f", "zone=a;b", "zone=", "ratePlan=Rate+Plan+A", "ratePlan=a&ratePlan=b", "&"}).Draw(t, "bad parameter"))
	}
	return strings.Join(rapid.Permutation(all).Draw(t, "order"), "&")
}

// legacyICCID is a device, or what is none. Those that make the sandbox answer with an error are in TestErrorICCIDs where the
// error is one that changes the lane: the account's credentials refused, the rate limit, a server that fails.
func legacyICCID(t *rapid.T) (iccid string, trouble bool) {
	switch rapid.IntRange(0, 9).Draw(t, "kind of device") {
	case 0:
		return rapid.SampledFrom([]string{"8988217755520000099", "890000000012345678901", "898821775552000003", "12", "8988217755520000031F", "8988217755520000031f",
			"%208988217755520000031", "8988217755520000031%20", "898821775552000003a", "89882177555200000310000", "%2F", "x%2Fy", "%E7%89%A9", "%ff",
			"89000000001000001", "８９８８２１７７５５５２００００", ".", "8999900000000000099"}).Draw(t, "no device"), false
	case 1:
		code := rapid.OneOf(
			rapid.SampledFrom([]string{"10000012", "10000013", "10000021", "10000024", "10000028", "10000030", "10000031", "10000032", "10000062",
				"10000079", "10000080", "20000001"}),
			rapid.StringMatching(`[5-9][0-9]{7}`)).Draw(t, "error")
		return sandbox.TroublePrefix + code, true
	case 2:
		return sandbox.GeneratedICCID(rapid.IntRange(0, 99).Draw(t, "generated")), false
	}
	return rapid.SampledFrom(sandbox.Fleet()).Draw(t, "device").ICCID, false
}

// anyLegacyQuestion draws a question. For an error ICCID the sandbox does not look at the rest, where a Control Center would; so
// the rest is well-formed there. isActiveRatePlan and fields are in TestWhatTheLegacyDoorCannotPassOn.
func anyLegacyQuestion(t *rapid.T) legacyQuestion {
	iccid, trouble := legacyICCID(t)
	version := "1"
	if !trouble {
		version = seldom(t, "version", "1", "2", "01", "1.0", "x", "", "%31", "-1")
	}
	target := "/rws/api/v" + version + "/devices/" + iccid + "/usageInZone"
	target = seldom(t, "path", target, "/rws/", "/rws/api/v1/devices/"+iccid, target+"/", strings.ToLower(target), target+"%2F", "/rws/api/v1/echo/hello", "/%72ws"+target[len("/rws"):])
	if query := legacyParameters(t, trouble); query != "" || rapid.Bool().Draw(t, "an empty query") {
		target += "?" + query
	}
	q := legacyQuestion{seldom(t, "method", "GET", "HEAD", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"), target, nil}
	authorization := seldom(t, "authorization", basic("user", apiKey), "none", "", "Bearer "+apiKey, "Basic", "Basic !", "Basic "+apiKey, basic("user", "wrong"),
		basic("user", ""), basic("", apiKey), basic("", ""), basic("nobody", apiKey), basic("USER", apiKey), strings.Replace(basic("user", apiKey), "Basic", "bASIC", 1))
	if authorization != "none" {
		q.authorization = []string{authorization}
	}
	return q
}

// The legacy door and the sandbox behind it give the same bytes for the same question, errors too, from what is kept as well:
// the sandbox's clock stands still.
func TestTheLegacyDoorAnswersAsControlCenter(t *testing.T) {
	const perCheck = 12
	rigs := map[sandbox.EmptyUsage]*rig{}
	for _, form := range []sandbox.EmptyUsage{sandbox.EmptyObject, sandbox.EmptyNull, sandbox.EmptyMissing} {
		rigs[form] = newLegacyRig(t, newSandbox(t, sandbox.WithEmptyUsage(form), sandbox.WithDevices(50)))
	}
	kinds, asked := map[string]int{}, 0
	rapid.Check(t, func(t *rapid.T) {
		r := rigs[rapid.SampledFrom(slices.Sorted(maps.Keys(rigs))).Draw(t, "form of no usage")]
		for range perCheck {
			q := anyLegacyQuestion(t)
			want, err := q.ask(r.http, r.upstream)
			if err != nil {
				t.Fatal(err)
			}
			got, err := q.ask(r.http, r.url)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s %s, %q (-sandbox +door)\n%s", q.method, q.target, q.authorization, diff)
			}
			asked++
			kinds[kindOf(want)]++
		}
	})
	for _, kind := range []string{"200", "400 10000012", "400 10000024", "400 10000028", "400 10000031", "400 10000032", "401 10000001", "401", "404",
		"404 10000013", "404 20000001", "405"} {
		if kinds[kind] == 0 {
			t.Errorf("no answer was %s", kind)
		}
	}
	t.Logf("%d questions: %v", asked, kinds)
	if asked < 1000 {
		t.Errorf("%d questions are too few", asked)
	}
}

var errorCodeText = regexp.MustCompile(`"errorCode":"(1\d{7}|2\d{7})"`)

// kindOf is an answer's status and the vendor's code, where it has one.
func kindOf(reply legacyReply) string {
	kind := fmt.Sprint(reply.Status)
	if code := errorCodeText.FindStringSubmatch(reply.Body); code != nil {
		kind += " " + code[1]
	}
	return kind
}
