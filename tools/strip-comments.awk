# strip-comments.awk - C without its comments and without what stands in its string and character
# constants, line by line, so that a search for a word finds code only. Each line is preceded by
# FILE:LINE: as grep prints it. Quotes of #include lines stay as they are.
FNR == 1 { in_comment = 0 }
{
    line = $0
    out = ""
    quote = ""
    n = length(line)
    if (!in_comment && line ~ /^[ \t]*#[ \t]*include/) {
        print FILENAME ":" FNR ":" line
        next
    }
    for (i = 1; i <= n; i++) {
        c = substr(line, i, 1)
        two = substr(line, i, 2)
        if (in_comment) {
            if (two == "*/") { in_comment = 0; i++ }
        } else if (quote != "") {
            if (c == "\\") i++
            else if (c == quote) { out = out c; quote = "" }
        } else if (two == "/*") {
            in_comment = 1
            i++
        } else if (two == "//") {
            break
        } else {
            out = out c
            if (c == "\"" || c == "'") quote = c
        }
    }
    print FILENAME ":" FNR ":" out
}
