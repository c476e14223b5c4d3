/* Reads one text per line on stdin and prints the words that flite makes of it, one line each: its tokenizer and text
 * analysis without the synthesis that training/synth.c does, so that thousands take seconds.
 * Build: cc flite_words.c -o flite_words -lflite_cmu_us_kal16 -lflite_usenglish -lflite_cmulex -lflite -lm
 */
#include <flite/flite.h>
#include <stdio.h>
#include <string.h>

cst_voice *register_cmu_us_kal16(const char *dir);

int main(void) {
    char line[4096];
    flite_init();
    cst_voice *voice = register_cmu_us_kal16(NULL);
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        cst_utterance *u = new_utterance();
        utt_set_input_text(u, line);
        utt_init(u, voice);
        default_tokenization(u);
        default_textanalysis(u);
        for (cst_item *w = relation_head(utt_relation(u, "Word")); w; w = item_next(w))
            printf("%s%s", item_feat_string(w, "name"), item_next(w) ? " " : "");
        putchar('\n');
        delete_utterance(u);
    }
    return ferror(stdout) || fflush(stdout);
}
