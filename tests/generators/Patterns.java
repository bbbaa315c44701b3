import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.regex.Pattern;

/** Prints which of the texts each pattern takes; both are read as JSON. */
class Patterns {
    public static void main(String[] arguments) throws Exception {
        var json = new ObjectMapper();
        var given = json.readValue(System.in, String[][].class);
        var found = new ArrayList<ArrayList<Boolean>>();
        for (String pattern : given[0]) {
            var taken = new ArrayList<Boolean>();
            for (String text : given[1]) {
                taken.add(Pattern.compile(pattern).matcher(text).find());
            }
            found.add(taken);
        }
        json.writeValue(System.out, found);
    }
}
