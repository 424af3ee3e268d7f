package localbatch

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCoresOfVMSizes(t *testing.T) {
	t.Parallel()
	for size, cores := range map[string]int{
		"Standard_A1_v2": 1, "STANDARD_D2_V2": 2, "standard_d3_v2": 4, "Standard_DS14_v2": 16, "Standard_D15_v2": 20,
		"Standard_D4s_v3": 4, "Standard_D2as_v5": 2, "Standard_E64-16s_v5": 64, "Standard_F16s_v2": 16, "Standard_F1": 1,
		"Standard_A8": 8, "Standard_A9": 16, "Standard_A4": 8, "Basic_A3": 4, "Standard_A4m_v2": 4, "Standard_G5": 32, "Standard_GS3": 8,
		"Standard_B1ls": 1, "Standard_B12ms": 12, "Standard_NC24ads_A100_v4": 24, "Standard_HB120rs_v3": 120, "Standard_M128s": 128,
		"Standard_D11": 2, "Standard_DC2s_v2": 2, "small": 1, "ExtraLarge": 8, "": 1, "unheard-of": 1, "Standard_D99999999999999999999": 1,
	} {
		require.Equal(t, cores, vmCores(size), size)
	}
}
