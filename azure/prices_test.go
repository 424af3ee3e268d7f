package azure

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHourlyPrice(t *testing.T) {
	t.Parallel()
	for size, want := range map[string]float64{
		"Standard_A1_v2": 0.043, "STANDARD_D2s_v3": 0.096, "Standard_D16as_v5": 0.688, "Standard_D32ds_v5": 1.808, "Standard_D2ps_v5": 0.077,
	} {
		got, ok := HourlyPrice(size)
		require.True(t, ok, size)
		require.InDelta(t, want, got, 1e-9, size)
	}
	for _, size := range []string{"", "Standard_D2s_v9", "Standard_ND96", "D2s_v3", "Standard_D99999999999999999999s_v3"} {
		_, ok := HourlyPrice(size)
		require.False(t, ok, size)
	}
	require.Equal(t, "$0.04", Dollars(0.043))
	require.Equal(t, "$124", Dollars(123.84))
}
