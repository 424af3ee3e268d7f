package workload

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestToleranceOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		tolerance Tolerance
		files     int64
		want      int64
	}{
		{"5%", 1000, 50}, {"3%", 1000, 30}, {"3%", 33, 0}, {"3%", 34, 1}, {"0.29%", 10_000, 29},
		{"100%", 7, 7}, {"0%", 7, 0}, {"10", 5, 10}, {"0", 5, 0}, {"", 5, 0},
	} {
		require.Equal(t, c.want, c.tolerance.Of(c.files), "%s of %d", c.tolerance, c.files)
	}
}

func TestToleranceIsReadAsItIsWritten(t *testing.T) {
	t.Parallel()
	for tolerance, want := range map[Tolerance]string{"5%": `"5%"`, "0.5%": `"0.5%"`, "10": "10", "0": "0"} {
		text, err := json.Marshal(tolerance)
		require.NoError(t, err)
		require.Equal(t, want, string(text))
		var read Tolerance
		require.NoError(t, json.Unmarshal(text, &read))
		require.Equal(t, tolerance, read)
	}
}
