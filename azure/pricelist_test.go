package azure

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPricesOfAUser(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "prices.yaml")
	require.NoError(t, os.WriteFile(file, []byte("source: our agreement of 2026-10\nsizes:\n  Standard_A1_v2: {dedicated: 0.02, spot: 0.004}\n  Weird_9000: {dedicated: 7}\n"), 0o600))
	prices, err := LoadPrices(file)
	require.NoError(t, err)

	require.Equal(t, Cost{Dollars: 2*0.02 + 10*0.004, Prices: "our agreement of 2026-10"}, prices.Cost("standard_a1_v2", 2, 10))
	require.Equal(t, "$14 at most", prices.Cost("Weird_9000", 1, 1).String())
	require.Equal(t, Cost{Dollars: 0.096, Prices: PricesFrom}, prices.Cost("Standard_D2s_v3", 1, 0), "others are the built-in ones")
	require.Equal(t, "not known", prices.Cost("Nobody_Knows", 1, 0).String())

	builtin, err := LoadPrices("")
	require.NoError(t, err)
	require.Equal(t, Cost{Dollars: 0.043, AtMost: true, Prices: PricesFrom}, builtin.Cost("Standard_A1_v2", 0, 1))
}

func TestPricesThatAreNone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"sizes: {Standard_A1_v2: {dedicated: 0}}", "sizes: {Standard_A1_v2: {dedicated: 1, spot: -1}}", "prices: {}", "{"} {
		file := filepath.Join(t.TempDir(), "prices.yaml")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		_, err := LoadPrices(file)
		require.ErrorContains(t, err, EnvPrices, text)
	}
	_, err := LoadPrices(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
}
