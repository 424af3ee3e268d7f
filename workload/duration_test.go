package workload

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDuration(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"1s": time.Second, "90s": 90 * time.Second, "10m": 10 * time.Minute, "20m": 20 * time.Minute,
		"1h": time.Hour, "1h30m": 90 * time.Minute, "1h0m30s": time.Hour + 30*time.Second, "24h": 24 * time.Hour,
		"1.5s": 1500 * time.Millisecond, "4320h": maxDuration,
	} {
		var d, again Duration
		require.NoError(t, d.UnmarshalText([]byte(text)))
		require.Equal(t, Duration(want), d)
		written, err := d.MarshalText()
		require.NoError(t, err)
		require.LessOrEqual(t, len(written), len("1h0m30s"))
		require.NoError(t, again.UnmarshalText(written))
		require.Equal(t, d, again)
	}
	require.Equal(t, "24h", Duration(24*time.Hour).String())
	require.Equal(t, "1m30s", Duration(90*time.Second).String())
	for _, text := range []string{"", "0s", "999ms", "-1h", "4320h1s", "1d", "10", "ten"} {
		require.Error(t, new(Duration).UnmarshalText([]byte(text)), text)
	}
}
