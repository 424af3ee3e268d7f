package azure

import (
	"encoding/base64"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheSubjectOfAToken(t *testing.T) {
	t.Parallel()
	for claims, want := range map[string]string{
		`{"upn":"ops@example.com","appid":"x"}`: "ops@example.com",
		`{"unique_name":"live#ops"}`:            "live#ops",
		`{"appid":"a-1","oid":"o-1"}`:           "application a-1 (object o-1)",
		`{}`:                                    "somebody whose token does not tell",
		`no JSON`:                               "somebody whose token does not tell",
	} {
		require.Equal(t, want, subjectOf("head."+base64.RawURLEncoding.EncodeToString([]byte(claims))+".signature"))
	}
	require.Equal(t, "somebody whose token does not tell", subjectOf("opaque"))
}

func TestSkew(t *testing.T) {
	t.Parallel()
	asked := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	skew, ok := Skew("Mon, 23 Nov 2026 12:10:00 GMT", asked, asked.Add(2*time.Second))
	require.True(t, ok)
	require.InDelta(t, -10*time.Minute, skew, float64(time.Second))
	_, ok = Skew("", asked, asked)
	require.False(t, ok)
}

func TestTemporaryDisk(t *testing.T) {
	t.Parallel()
	for size, gib := range map[string]int64{"Standard_A1_v2": 10, "standard_d4_v3": 100, "Standard_F8s_v2": 64, "Standard_D2ds_v5": 75} {
		bytes, ok := TemporaryDisk(size)
		require.True(t, ok, size)
		require.Equal(t, gib<<30, bytes, size)
	}
	for _, size := range []string{"", "Standard_D2s_v5", "Nobody_Knows"} {
		_, ok := TemporaryDisk(size)
		require.False(t, ok, size)
	}
}
