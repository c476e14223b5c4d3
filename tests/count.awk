# count.awk - counts the TAP cases in meson's testlog.txt; see run.sh. Set meson_status with -v.
# In the log a line of = opens each test; "test:" and "result:" come before its output.
function finish() {
    if (name == "")
        return
    broken = result != "exit status 0"
    if (plan > 0 && n_ok + n_failed + n_skipped < plan)
        broken = 1
    if (n_ok + n_failed + n_skipped == 0)
        broken = 1
    if (broken && n_failed == 0) {
        n_failed = 1
        print "failed: " name " (" result ", " n_ok " passed" (plan ? " of " plan : "") ")"
    }
    passed += n_ok; failed += n_failed; skipped += n_skipped
    name = ""
}
/^=+ [0-9]+\/[0-9]+ =+$/ { finish(); plan = n_ok = n_failed = n_skipped = 0; result = "none" }
/^test: /   { name = $2 }
/^result: / { result = $0; sub(/^result: */, "", result) }
# A program with several groups prints several plans.
/^1\.\.[0-9]+/ { sub(/^1\.\./, ""); plan += $1 }
/^(not )?ok [0-9]+.*# SKIP/ { n_skipped++; next }
/^not ok [0-9]+/ { n_failed++; print "failed: " name ": " $0 }
/^ok [0-9]+/     { n_ok++ }
END {
    finish()
    if (meson_status != 0 && failed == 0) {
        print "failed: the test runner ended with status " meson_status
        failed = 1
    }
    if (skipped)
        print skipped " skipped"
    print passed + 0 " passed, " failed + 0 " failed"
    exit failed > 0 || passed == 0
}
