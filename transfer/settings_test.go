package transfer

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLimitsFromEnv(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		environ map[string]string
		limits  Limits
		wrong   []string // names in the error
	}{
		"nothing is set": {},
		"all are set": {
			environ: map[string]string{EnvFiles: "8", EnvMemory: "256MiB", EnvBandwidth: "20MB"},
			limits:  Limits{Files: 8, Memory: 256 << 20, Bandwidth: 20_000_000},
		},
		"plain bytes": {environ: map[string]string{EnvBandwidth: "1000000"}, limits: Limits{Bandwidth: 1_000_000}},
		"all are wrong": {
			environ: map[string]string{EnvFiles: "0", EnvMemory: "lots", EnvBandwidth: "1KB"},
			wrong:   []string{EnvFiles + ` is "0"`, EnvMemory + ` is "lots"`, EnvBandwidth + ` is "1KB"`, "8.0 MiB or more", "64 KiB or more"},
		},
		"too many files":        {environ: map[string]string{EnvFiles: "100000"}, wrong: []string{"from 1 to 1000"}},
		"a bandwidth below 0":   {environ: map[string]string{EnvBandwidth: "-5MB"}, wrong: []string{EnvBandwidth}},
		"a limit without sense": {environ: map[string]string{EnvMemory: "9EB"}, wrong: []string{EnvMemory}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			limits, err := LimitsFromEnv(func(name string) string { return test.environ[name] })
			if test.wrong == nil {
				require.NoError(t, err)
			}
			for _, wrong := range test.wrong {
				require.ErrorContains(t, err, wrong)
			}
			require.Equal(t, test.limits, limits)
		})
	}
}
