package azure

import (
	"os"
	"testing"

	"github.com/durabatch/durabatch/transfer/azuritetest"
)

var azurite *azuritetest.Server

func TestMain(m *testing.M) { os.Exit(azuritetest.Main(m, &azurite)) }
