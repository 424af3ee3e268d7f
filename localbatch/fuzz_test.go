package localbatch

import (
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch/store"
)

// Each of these holds a parser against something that goes about it in another
// way. What they have found is kept in testdata/fuzz and run as tests.

var durationUnits = regexp.MustCompile(`^P((\d+)Y)?((\d+)M)?((\d+)D)?(T((\d+)H)?((\d+)M)?((\d+)(\.(\d+))?S)?)?$`)

// ticksOf adds up a duration without bounds. nil: it is none.
func ticksOf(text string) *big.Int {
	m := durationUnits.FindStringSubmatch(text)
	if m == nil || text == "P" || strings.HasSuffix(text, "T") {
		return nil
	}
	sum := new(big.Int)
	for group, seconds := range map[int]int64{2: 365 * 86400, 4: 30 * 86400, 6: 86400, 9: 3600, 11: 60, 13: 1} {
		if n, ok := new(big.Int).SetString(m[group], 10); ok {
			sum.Add(sum, n.Mul(n, big.NewInt(seconds*ticksPerSecond)))
		}
	}
	fraction, _ := new(big.Int).SetString((m[15] + "0000000")[:7], 10)
	return sum.Add(sum, fraction)
}

func FuzzDuration(f *testing.F) {
	for _, seed := range []string{
		"P10675199DT2H48M5.4775807S", "P10675199DT2H48M5.4775808S", "P1Y2M3DT4H5M6.7S", "PT1.12345678S", "P", "PT", "P1DT", "PT0.0000001S",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := parseDuration(text)
		want := ticksOf(text)
		isOne := want != nil && want.IsInt64()
		if isOne != (err == nil) {
			t.Fatalf("%q: %v, but it adds up to %v", text, err, want)
		}
		quoted, _ := json.Marshal(text)
		var decoded duration
		if fails := json.Unmarshal(quoted, &decoded) != nil; fails != (err != nil) || decoded != d {
			t.Fatalf("%q is %v, but %v in JSON", text, d, decoded)
		}
		if err != nil {
			return
		}
		if int64(d) != want.Int64() {
			t.Fatalf("%q is %d ticks, but adds up to %d", text, d, want)
		}
		if again, err := parseDuration(d.String()); err != nil || again != d {
			t.Fatalf("%q came back from %q as %q, %v", text, d.String(), again.String(), err)
		}
		if std, ok := d.std(); ok && std/100 != time.Duration(d) {
			t.Fatalf("%q is %v", text, std)
		}
	})
}

// filterTasks are tasks to filter, by id: of every state, with and without an end.
func filterTasks(job int64) []store.Task {
	exit, minus := int32(0), int32(-9)
	return []store.Task{
		{Job: job, ID: "a", State: active, Created: 1e15, Modified: 1e15},
		{Job: job, ID: "A-b", State: running, Created: 2e15, Modified: 2e15, Started: 3e15},
		{Job: job, ID: "task-2", State: completed, Created: 4e15, Modified: 4e15, Started: 4e15, Ended: 6e15, ExitCode: &minus, Result: failed},
		{Job: job, ID: "Task_1", State: completed, Created: 3e15, Modified: 9e15, Started: 4e15, Ended: 5e15, ExitCode: &exit, Result: success},
		{Job: job, ID: "z", State: completed, Created: 5e15, Modified: 5e15, Result: failed},
	}
}

// propertyOf is what a task shows under a name that filters know.
func propertyOf(t store.Task) func(string) any {
	return func(name string) any {
		switch name {
		case "id":
			return t.ID
		case "state":
			return t.State
		case "stateTransitionTime":
			return t.StateTime
		case "creationTime":
			return t.Created
		case "lastModified", "lastModifiedTime":
			return t.Modified
		case "executionInfo/startTime":
			return t.Started
		case "executionInfo/endTime":
			return t.Ended
		case "executionInfo/exitCode":
			if t.ExitCode != nil {
				return int64(*t.ExitCode)
			}
		case "executionInfo/result":
			if t.Result != "" {
				return t.Result
			}
		}
		return nil
	}
}

// A filter finds the same tasks whether the store or the service evaluates it.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		"id eq 'a' and (state ne 'completed' or executionInfo/exitCode ge -9)", "startswith(id,'TASK')", "startswith(id,'')",
		"creationTime gt DateTime'1975-03-03T09:46:40Z' or executionInfo/endTime lt datetime'Sat, 03 Mar 2075 09:46:40 GMT'",
		"((((", "id eq '", "id ge 'a''b'", "executionInfo/result ne 'success'", "id lt 'task-2' AND id GT 'A'", "startswith(id,'task\u212a')",
		strings.Repeat("id eq 'a' or ", 400) + "state eq 'x'",
	} {
		f.Add(seed)
	}
	db, err := store.Open(f.TempDir())
	require.NoError(f, err)
	f.Cleanup(func() { require.NoError(f, db.Close()) })
	const job = 1
	require.NoError(f, db.Update(func(tx *store.Tx) error {
		for _, task := range filterTasks(job) {
			task.Body = []byte("{}")
			key, _, err := tx.InsertTask(task)
			if err != nil {
				return err
			}
			task.Key = key
			if err := tx.UpdateTask(task); err != nil {
				return err
			}
		}
		return nil
	}))
	f.Fuzz(func(t *testing.T, text string) {
		e, err := parseFilter(text, taskFields)
		if err != nil {
			return
		}
		var want, got []string
		for _, task := range filterTasks(job) {
			if e.matches(propertyOf(task)) {
				want = append(want, task.ID)
			}
		}
		err = db.View(func(tx *store.Tx) error {
			tasks, err := tx.Tasks(job, e.where(taskColumns), "", 100)
			for _, task := range tasks {
				got = append(got, task.ID)
			}
			return err
		})
		if err != nil || !slices.Equal(want, got) {
			t.Fatalf("%q finds %v in the store, %v; it matches %v", text, got, err, want)
		}
	})
}

func FuzzRange(f *testing.F) {
	for _, seed := range []string{"bytes=0-5", "bytes=5-", "bytes=9-9", "bytes=-5", "bytes=+1-2", "bytes=3-99999999999999999999", "bytes=0x1-2"} {
		f.Add(seed, int64(10))
	}
	grammar := regexp.MustCompile(`^bytes=(\d+)-(\d+)?$`)
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if size < 0 || header == "" {
			return
		}
		start, end, err := parseRange(header, size)
		m := grammar.FindStringSubmatch(header)
		if m == nil {
			require.Error(t, err, header)
			return
		}
		first, _ := new(big.Int).SetString(m[1], 10)
		last, ok := new(big.Int).SetString(m[2], 10)
		if !ok || last.Cmp(big.NewInt(size)) >= 0 {
			if ok && last.Cmp(first) < 0 {
				require.Error(t, err, header)
				return
			}
			last = big.NewInt(size - 1)
		}
		if first.Cmp(last) > 0 {
			require.Error(t, err, header)
			return
		}
		require.NoError(t, err, header)
		require.Equal(t, []int64{first.Int64(), last.Int64() + 1}, []int64{start, end}, header)
	})
}

// FuzzPaging follows the link of a page that ends anywhere.
func FuzzPaging(f *testing.F) {
	f.Add("task-1", "startswith(id,'a&b')", "id,state", "")
	f.Add("wd/a b\xff", "id gt ''''", "", "!")
	f.Add("", "", "%", "dGFzaw")
	s := &Service{}
	request := func(query url.Values) *http.Request {
		return &http.Request{Method: http.MethodGet, Host: "127.0.0.1:1", URL: &url.URL{Path: "/jobs/job/tasks", RawQuery: query.Encode()}}
	}
	f.Fuzz(func(t *testing.T, last, filter, selection, token string) {
		query := url.Values{"api-version": {apiVersions[0]}, "maxresults": {"7"}, "$filter": {filter}, "$select": {selection}}
		first := request(query)
		list, err := parseList(first, taskFields)
		if err != nil {
			return
		}
		link := s.listReply(first, "tasks", page{}, true, last).body.(page).nextLink
		u, err := url.Parse(link)
		require.NoError(t, err)
		require.Equal(t, "127.0.0.1:1", u.Host)
		next, err := parseList(request(u.Query()), taskFields)
		require.NoError(t, err)
		require.Equal(t, last, next.after)
		next.after = list.after
		require.Equal(t, list, next, "all else stays as it was")

		query.Set("$skiptoken", token) // of anybody's making
		if made, err := parseList(request(query), taskFields); err == nil && token != "" {
			bits, err := base64.RawURLEncoding.DecodeString(token)
			require.NoError(t, err)
			require.Equal(t, string(bits), made.after)
		}
	})
}

// FuzzBodies decodes anything as the largest specs there are: what is taken
// comes back from its JSON as it was.
func FuzzBodies(f *testing.F) {
	f.Add(`{"id":"a","commandLine":"true","constraints":{"maxWallClockTime":"PT1H","maxTaskRetryCount":-1}}`)
	f.Add(`{"id":"a","commandLine":"x","resourceFiles":[{"httpUrl":"http://h/a?sig=x","filePath":"../a"}]}`)
	f.Add(`{"id":"a","commandLine":"x","environmentSettings":[{"name":"A=","value":"\u0000"}],"userIdentity":{"autoUser":{"scope":"POOL"}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		r := httptest.NewRequest(http.MethodPost, "/jobs/job/tasks", strings.NewReader(text))
		var spec taskSpec
		if readBody(r, &spec) != nil || spec.complete(0) != nil {
			return
		}
		stored, err := json.Marshal(storedSpec{taskSpec: &spec})
		require.NoError(t, err)
		again, err := (&task{store.Task{ID: spec.ID, Body: stored}}).spec()
		require.NoError(t, err, "%s", stored)
		twice, err := json.Marshal(storedSpec{taskSpec: again})
		require.NoError(t, err)
		require.Equal(t, string(stored), string(twice))
	})
}
