package transfer

import (
	"fmt"
	"os"
	"testing"

	"github.com/durabatch/durabatch/transfer/azuritetest"
)

var azurite *azuritetest.Server

func TestMain(m *testing.M) {
	if direction := os.Getenv(victimDirection); direction != "" {
		if err := victim(direction); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(azuritetest.Main(m, &azurite))
}
