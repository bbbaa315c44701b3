import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

/** Creates a chat, sends a message and reads both, by the HttpClient of the JDK as it is. */
class Client {
    static final HttpClient CLIENT = HttpClient.newHttpClient();

    public static void main(String[] arguments) throws Exception {
        String root = arguments[0];
        String chat = post(root + "/chats/", "{\"title\": \"From Java\"}");
        System.out.println(chat);
        String id = chat.replaceAll("^\\{\"id\":(\\d+),.*$", "$1");
        System.out.println(post(root + "/chats/" + id + "/messages/", "{\"text\": \"Hello\"}"));
        System.out.println(expect(200, HttpRequest.newBuilder(URI.create(root + "/chats/" + id))));
    }

    static String post(String address, String json) throws Exception {
        return expect(201, HttpRequest.newBuilder(URI.create(address))
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(json)));
    }

    static String expect(int status, HttpRequest.Builder request) throws Exception {
        var answer = CLIENT.send(request.build(), HttpResponse.BodyHandlers.ofString());
        if (answer.statusCode() != status) {
            throw new IllegalStateException(answer.statusCode() + " " + answer.body());
        }
        return answer.body();
    }
}
