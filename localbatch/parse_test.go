package localbatch

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch/store"
)

func TestDurations(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"PT15M": "PT15M", "P7D": "P7D", "PT0S": "PT0S", "PT90S": "PT1M30S", "PT24H": "P1D", "P1DT0.5S": "P1DT0.5S",
		"P1Y2M": "P425D", "PT1.23456789S": "PT1.2345678S", "P10675199DT2H48M5.4775807S": "P10675199DT2H48M5.4775807S",
	} {
		d, err := parseDuration(text)
		require.NoError(t, err, text)
		require.Equal(t, want, d.String())
	}
	require.Equal(t, unlimited, must(t, "P10675199DT2H48M5.4775807S"))
	for _, text := range []string{"", "P", "PT", "1h", "P1W", "-PT1S", "PT1", "P1H", "P10675199DT2H48M5.4775808S", "P99999999999999999999D", "PT1S "} {
		_, err := parseDuration(text)
		require.Error(t, err, text)
	}
	_, limited := unlimited.std()
	require.False(t, limited)
}

func must(t *testing.T, text string) duration {
	t.Helper()
	d, err := parseDuration(text)
	require.NoError(t, err)
	return d
}

var testFields = fields{"id": nameKind, "state": choiceKind, "at": timeKind, "n": numberKind, "on": booleanKind, "name": prefixKind}

func TestFilterMatches(t *testing.T) {
	t.Parallel()
	item := map[string]any{"id": "It's-1", "state": "active", "at": store.Time(1e15), "n": int64(5), "on": true, "name": "wd/a"}
	for text, want := range map[string]bool{
		"id eq 'IT''S-1'":                               true,
		"id ne 'it''s-1' or n ge 5":                     true,
		"n eq 5 and n lt 5 or on eq true":               true, // and binds closer
		"n eq 5 and (n lt 5 or on eq false)":            false,
		"N eq 5 OR ON eq true":                          false, // names are case-sensitive: an error
		"on EQ TRUE AND State eq 'x'":                   false, // so is this one
		"on EQ TRUE AND state EQ 'ACTIVE'":              true,
		"startswith(name,'WD/') and startsWith(id,'i')": true,
		"at gt DateTime'1973-03-03T09:46:39Z'":          true,
		"at le datetime'Sat, 03 Mar 1973 09:46:40 GMT'": true,
		"missing eq 'x'":                                false,
		"n ne -3":                                       true,
	} {
		e, err := parseFilter(text, testFields)
		if err != nil {
			require.False(t, want, "%s: %v", text, err)
			continue
		}
		require.Equal(t, want, e.matches(func(name string) any { return item[name] }), text)
	}
	absent, err := parseFilter("state ne 'x' or n ne 1 or at ne DateTime'2020-01-01T00:00:00Z'", testFields)
	require.NoError(t, err)
	require.False(t, absent.matches(func(string) any { return nil }))
}

func TestRanges(t *testing.T) {
	t.Parallel()
	for header, want := range map[string][2]int64{
		"": {0, 10}, "bytes=0-0": {0, 1}, "bytes=3-": {3, 10}, "bytes=3-99": {3, 10}, "bytes=9-9": {9, 10},
	} {
		start, end, err := parseRange(header, 10)
		require.NoError(t, err, header)
		require.Equal(t, want, [2]int64{start, end}, header)
	}
	for _, header := range []string{"bytes=10-", "bytes=5-4", "bytes=-5", "bytes=", "0-5", "bytes=a-b", "bytes=1-2,4-5", "bytes=99999999999999999999-"} {
		_, _, err := parseRange(header, 10)
		require.Error(t, err, header)
	}
	_, _, err := parseRange("bytes=0-", 0)
	require.Error(t, err)
}
