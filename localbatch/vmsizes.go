package localbatch

import (
	"regexp"
	"strconv"
	"strings"
)

// oldSizes are the sizes of VMs whose names do not say how many cores they
// have (Azure documentation, "Previous generations of virtual machine sizes").
var oldSizes = map[string]int{
	"extrasmall": 1, "small": 1, "medium": 2, "large": 4, "extralarge": 8,
	"a0": 1, "a1": 1, "a2": 2, "a3": 4, "a4": 8, "a5": 2, "a6": 4, "a7": 8, "a8": 8, "a9": 16, "a10": 8, "a11": 16,
	"d1": 1, "d2": 2, "d3": 4, "d4": 8, "d11": 2, "d12": 4, "d13": 8, "d14": 16,
	"d1_v2": 1, "d2_v2": 2, "d3_v2": 4, "d4_v2": 8, "d5_v2": 16,
	"d11_v2": 2, "d12_v2": 4, "d13_v2": 8, "d14_v2": 16, "d15_v2": 20,
	"g1": 2, "g2": 4, "g3": 8, "g4": 16, "g5": 32,
}

var coresInName = regexp.MustCompile(`^[a-z]+(\d+)`)

// vmCores is how many cores a node of a VM size has: the number in its name,
// but for the oldest sizes (Azure documentation, "Azure virtual machine sizes
// naming conventions"). A name that says nothing counts as one core.
func vmCores(vmSize string) int {
	name := strings.TrimPrefix(strings.TrimPrefix(strings.ToLower(vmSize), "standard_"), "basic_")
	for _, old := range []string{name, withoutPremium(name)} {
		if cores, ok := oldSizes[old]; ok {
			return cores
		}
	}
	if found := coresInName.FindStringSubmatch(name); found != nil {
		if cores, err := strconv.Atoi(found[1]); err == nil && cores > 0 {
			return cores
		}
	}
	return 1
}

// withoutPremium is the size that one with premium storage goes back to: DS3
// to D3.
func withoutPremium(name string) string {
	for _, family := range []string{"d", "g"} {
		if rest, ok := strings.CutPrefix(name, family+"s"); ok {
			return family + rest
		}
	}
	return name
}
