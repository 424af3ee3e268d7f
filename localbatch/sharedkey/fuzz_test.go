package sharedkey

import (
	"bufio"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// FuzzRequestAsSent holds what the service takes a request to be against what
// the REST reference has its client sign, from the text of the request.
func FuzzRequestAsSent(f *testing.F) {
	f.Add("GET", "/jobs/a%2Fb/files/wd%5Cx", "$filter=id+eq+'a%26b'&api-version=1", "bytes=0-5", "x")
	f.Add("POST", "/pools", "timeOut=5&timeout=7&API-Version=1&api-version=2", "", "")
	f.Add("PUT", "/pools/%e4%20", "a=b=c&&a&=d;e=%zz", " spaced ", "Mon")
	f.Fuzz(func(t *testing.T, method, path, query, ocpRange, match string) {
		text := fmt.Sprintf("%s %s?%s HTTP/1.1\r\nHost: x\r\nocp-range: %s\r\nOcp-Date: today\r\nDate: yesterday\r\nIf-Match: %s\r\n\r\n",
			method, path, query, ocpRange, match)
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
		if err != nil || strings.ContainsAny(method+path+query+ocpRange+match, "\r\n#?") || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") {
			return
		}
		want := []string{method, "", "", "", "", "", "", "", strings.Trim(match, " \t"), "", "", "",
			"ocp-date:today", "ocp-range:" + strings.Trim(ocpRange, " \t"), "/account" + path}
		values := map[string][]string{}
		for pair := range strings.SplitSeq(query, "&") {
			name, value, _ := strings.Cut(pair, "=")
			n, nameErr := url.QueryUnescape(name)
			v, valueErr := url.QueryUnescape(value)
			if pair == "" || nameErr != nil || valueErr != nil || strings.Contains(pair, ";") {
				continue // checkQuery refuses a request whose query cannot be read
			}
			values[strings.ToLower(n)] = append(values[strings.ToLower(n)], v)
		}
		for _, name := range slices.Sorted(maps.Keys(values)) {
			slices.Sort(values[name])
			want = append(want, name+":"+strings.Join(values[name], ","))
		}
		if got := StringToSign(r, "account", ""); got != strings.Join(want, "\n") {
			t.Fatalf("%q\nis signed as %q\n      not as %q", text, got, strings.Join(want, "\n"))
		}
	})
}
