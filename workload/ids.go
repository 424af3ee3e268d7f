package workload

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// maxSlug leaves room for "-", 8 hex digits and "-out" in the 63 characters
// that a container name may have (Azure Storage: naming containers).
const maxSlug = 63 - len("-01234567-out")

// ResourceName is what the pool and the job of a run are called:
// "<slug of the workflow id>-<8 hex digits of the first run id>". With "-in" or
// "-out" behind it, it names the run's containers, whose rules are the stricter
// ones: lower-case letters, digits and single dashes, at most 63. The first run
// id is the one that a chain of retries and resets keeps. The digits are its
// last eight: run ids may begin with a time, which two runs can share.
func ResourceName(workflowID, firstRunID string) string {
	return slug(workflowID) + "-" + runDigits(firstRunID)
}

// TaskID is the Batch id of the task of the input with that index.
func TaskID(index int64) string { return "task-" + indexDigits(index) }

// indexDigits is also what {{index}} stands for.
func indexDigits(index int64) string { return fmt.Sprintf("%08d", index) }

// slug keeps lower-case letters and digits and puts one dash for all else.
func slug(s string) string {
	var b strings.Builder
	dash := false
	for _, r := range strings.ToLower(s) {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') {
			dash = true
			continue
		}
		if dash && b.Len() > 0 {
			b.WriteByte('-')
		}
		dash = false
		b.WriteRune(r)
	}
	out := b.String()
	if len(out) > maxSlug {
		out = strings.TrimRight(out[:maxSlug], "-")
	}
	if out == "" {
		return "run"
	}
	return out
}

// runDigits takes a UUID's last eight digits, and a hash of anything else.
func runDigits(runID string) string {
	digits := strings.ToLower(strings.ReplaceAll(runID, "-", ""))
	if _, err := hex.DecodeString(digits); err != nil || len(digits) != 32 {
		sum := sha256.Sum256([]byte(runID))
		return hex.EncodeToString(sum[:4])
	}
	return digits[len(digits)-8:]
}
