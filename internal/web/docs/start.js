SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  validatorUrl: null, // no request goes elsewhere
  defaultModelsExpandDepth: 1,
  docExpansion: "full",
});
