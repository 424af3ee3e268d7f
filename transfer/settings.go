package transfer

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/dustin/go-humanize"
)

// The environment variables that set Limits.
const (
	EnvFiles     = "DURABATCH_TRANSFER_FILES"
	EnvMemory    = "DURABATCH_TRANSFER_MEMORY"
	EnvBandwidth = "DURABATCH_TRANSFER_BANDWIDTH"
)

const maxFiles = 1000

// LimitsFromEnv reads the variables; those that are not set leave the default.
// The error names every one that cannot be used, one a line, with what to set.
func LimitsFromEnv(getenv func(string) string) (Limits, error) {
	files, filesErr := parseFiles(getenv(EnvFiles))
	memory, memoryErr := parseBytes(EnvMemory, getenv(EnvMemory), leastMemory)
	bandwidth, bandwidthErr := ParseBandwidth(EnvBandwidth, getenv(EnvBandwidth))
	if err := errors.Join(filesErr, memoryErr, bandwidthErr); err != nil {
		return Limits{}, err
	}
	return Limits{Files: files, Memory: memory, Bandwidth: bandwidth}, nil
}

// ParseBandwidth reads a number of bytes a second, such as 20MB or 8MiB; "" is
// 0, no limit. The error says that it is the value of the setting name.
func ParseBandwidth(name, text string) (int64, error) {
	return parseBytes(name, text, LeastBandwidth)
}

func parseFiles(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	files, err := strconv.Atoi(text)
	if err != nil || files < 1 || files > maxFiles {
		return 0, fmt.Errorf("%s is %q; it must be a number from 1 to %d", EnvFiles, text, maxFiles)
	}
	return files, nil
}

func parseBytes(name, text string, least int64) (int64, error) {
	if text == "" {
		return 0, nil
	}
	bytes, err := humanize.ParseBytes(text)
	if err != nil || bytes < uint64(least) || bytes > 1<<50 {
		return 0, fmt.Errorf("%s is %q; it must be a number of bytes such as 20MB or 64MiB, %s or more", name, text, humanize.IBytes(uint64(least)))
	}
	return int64(bytes), nil
}
