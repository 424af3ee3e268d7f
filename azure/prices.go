package azure

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// PricesFrom says what [HourlyPrice] answers with.
const PricesFrom = "list prices of Linux virtual machines in East US, pay as you go, of 2022; E v5 and F v2: of June 2026"

// flatPrices are dollars an hour of sizes that are priced one by one.
var flatPrices = map[string]float64{
	"standard_a1_v2": 0.043, "standard_a2_v2": 0.091, "standard_a4_v2": 0.191, "standard_a8_v2": 0.4,
	"standard_a2m_v2": 0.119, "standard_a4m_v2": 0.238, "standard_a8m_v2": 0.475,
	"standard_b1s": 0.0104, "standard_b1ms": 0.0207, "standard_b2s": 0.0416, "standard_b2ms": 0.0832,
	"standard_b4ms": 0.166, "standard_b8ms": 0.333, "standard_b12ms": 0.499, "standard_b16ms": 0.666, "standard_b20ms": 0.832,
	"standard_d1_v2": 0.073, "standard_d2_v2": 0.146, "standard_d3_v2": 0.293,
	"standard_d12_v2": 0.371, "standard_d13_v2": 0.741, "standard_d14_v2": 1.482, "standard_d15_v2": 1.853,
}

// corePrices are dollars an hour and core of families whose price grows with
// the cores.
var corePrices = map[string]float64{
	"standard_d_v3": 0.048, "standard_ds_v3": 0.048,
	"standard_d_v4": 0.048, "standard_ds_v4": 0.048, "standard_da_v4": 0.048, "standard_das_v4": 0.048,
	"standard_dd_v4": 0.0565, "standard_dds_v4": 0.0565,
	"standard_d_v5": 0.048, "standard_ds_v5": 0.048, "standard_das_v5": 0.043, "standard_dads_v5": 0.0515,
	"standard_dd_v5": 0.0565, "standard_dds_v5": 0.0565,
	// A page of June 2026 that compares the families: c3x.dev/blog/azure-vm-types-compared.
	"standard_es_v5": 0.063, "standard_fs_v2": 0.0425,
	"standard_dps_v5": 0.0385, "standard_dpls_v5": 0.034, "standard_dpds_v5": 0.0452, "standard_dplds_v5": 0.0384,
}

var sizePattern = regexp.MustCompile(`^(standard_[a-z]+?)(\d+)([a-z]*_v\d+)$`)

// HourlyPrice is what a node of a VM size costs in dollars an hour at the list
// price (see [PricesFrom]), false for a size that it does not know. Spot nodes
// cost less, by how much changes from day to day.
func HourlyPrice(vmSize string) (dollars float64, ok bool) {
	size := strings.ToLower(vmSize)
	if dollars, ok = flatPrices[size]; ok {
		return dollars, true
	}
	parts := sizePattern.FindStringSubmatch(size)
	if parts == nil {
		return 0, false
	}
	perCore, ok := corePrices[parts[1]+parts[3]]
	if !ok {
		return 0, false
	}
	cores, err := strconv.Atoi(parts[2])
	return perCore * float64(cores), err == nil
}

// Dollars writes an amount of money, cents only where they matter: $0.04, $12.
func Dollars(amount float64) string {
	if amount < 10 {
		return fmt.Sprintf("$%.2f", amount)
	}
	return fmt.Sprintf("$%.0f", amount)
}
