package azure

import (
	"strconv"
	"strings"
)

// flatDisks are GiB of temporary disk of sizes that are counted one by one,
// coreDisks GiB for each core of families whose disk grows with the cores
// (source: Azure documentation, pages of the size series: Av2, Dv2 and DSv2,
// Dv3 and Dsv3, Ddv4 and Ddsv4, Ddv5 and Ddsv5, Fsv2, Ev3 and Esv3, B).
var (
	flatDisks = map[string]float64{
		"standard_a1_v2": 10, "standard_a2_v2": 20, "standard_a4_v2": 40, "standard_a8_v2": 80,
		"standard_a2m_v2": 20, "standard_a4m_v2": 40, "standard_a8m_v2": 80,
		"standard_b1s": 4, "standard_b1ms": 4, "standard_b2s": 8, "standard_b2ms": 16, "standard_b4ms": 32, "standard_b8ms": 64,
		"standard_d1_v2": 50, "standard_d2_v2": 100, "standard_d3_v2": 200, "standard_d4_v2": 400, "standard_d5_v2": 800,
	}
	coreDisks = map[string]float64{
		"standard_d_v3": 25, "standard_ds_v3": 8, "standard_e_v3": 25, "standard_es_v3": 16,
		"standard_dd_v4": 37.5, "standard_dds_v4": 37.5, "standard_dd_v5": 37.5, "standard_dds_v5": 37.5,
		"standard_fs_v2": 8,
	}
)

// TemporaryDisk is the temporary disk of a VM size in bytes, where tasks have
// their directories; false for a size that it does not know, or that has none.
func TemporaryDisk(vmSize string) (bytes int64, ok bool) {
	const gib = 1 << 30
	size := strings.ToLower(vmSize)
	if disk, ok := flatDisks[size]; ok {
		return int64(disk * gib), true
	}
	family, cores, ok := familyOf(size)
	if disk, known := coreDisks[family]; ok && known {
		return int64(disk * float64(cores) * gib), true
	}
	return 0, false
}

// familyOf takes the cores out of a size's name: standard_ds_v3 and 2.
func familyOf(size string) (family string, cores int, ok bool) {
	parts := sizePattern.FindStringSubmatch(size)
	if parts == nil {
		return "", 0, false
	}
	cores, err := strconv.Atoi(parts[2])
	return parts[1] + parts[3], cores, err == nil
}
